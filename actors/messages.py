"""Everything the actors say to each other.  Read this file first: it is the protocol of the system.

    Market --Ticks--> Strategist --Propose--> Portfolio --T1, Execute--> Executor --T2, then bytes--> venue
    Market --Ticks--> Positions  --Close----> Portfolio     venue --outcome--> Executor --T3--> Wal
    Wal --Committed--> Portfolio, Positions, Executor, Recorder   (everybody's books are a fold of the log)

Every message is frozen: nobody can change it after it was sent.  What goes into the log is tagged with its
class name, so renaming such a class changes the file format; and it never holds an actor's address, for an
address dies with its process.  This file imports nothing of ours, so anybody may import it.
"""

from enum import StrEnum
from typing import Any, NewType

from msgspec import Struct

Id = NewType("Id", str)  # Chosen by the sender, made from the intent.  The same id has one effect.
Asset = NewType("Asset", str)  # Chain and symbol or address, case kept: "paper:USDC".
Units = NewType("Units", int)  # An asset's base units (wei, lamports).  Never a float.
Price = NewType("Price", int)  # Quote base units for one whole token, times PRICE_SCALE.
Role = NewType("Role", str)  # Who an actor is, whatever its address: "portfolio", "strategist:momentum".

PRICE_SCALE = 10**12
BPS = 10_000  # 100 %
NEVER = 2**63 - 1  # A moment that does not come.
# Scopes of a halt: no buys; nothing signed or sent by the wallet; the same, for a stranger has its key.
EVERYTHING, WALLET, KEY = "everything", "wallet", "key"
SIGNS_NOTHING = frozenset({WALLET, KEY})


# -- operations: the audit's names (the life-cycle is a table in storage/orders.py) ------------------
class Operation(StrEnum):
    BALANCE_DEDUCT = "balance_deduct"
    BALANCE_ADD = "balance_add"
    POSITION_OPEN = "position_open"
    POSITION_CLOSE = "position_close"
    POSITION_UPDATE = "position_update"
    TRADE_EXECUTE = "trade_execute"


class Status(StrEnum):
    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"
    REVOKE = "revoke"  # Nothing is traded: what routers may still take of a token is taken back.


class Leg(StrEnum):
    """What one transaction does for its order."""

    APPROVE = "approve"  # The router may take exactly what the order pays.
    REVOKE = "revoke"  # The router may take nothing: before another approval, or of what was left over.
    SWAP = "swap"  # From and to the native coin too: the router wraps and unwraps it within.
    CANCEL = "cancel"  # Nothing but the nonce of an earlier transaction of the same order is used up.


class CloseReason(StrEnum):
    STOP = "stop"
    TAKE_PROFIT = "take_profit"
    TRAILING = "trailing"
    TIME = "time"
    SIGNAL = "signal"  # The strategy wants out.
    OPERATOR = "operator"
    KILL_SWITCH = "kill_switch"
    SHUTDOWN = "shutdown"


class Refusal(StrEnum):
    """In order of precedence: the first that applies is the answer."""

    ID_TAKEN = "id_taken"  # The same id with other content.
    DRAINING = "draining"
    HALTED = "halted"
    MISSING_INPUT = "missing_input"  # fail-closed: a figure that the decision needs is not there.
    STALE = "stale"  # The market has moved on since this was wished for.
    TOKEN_UNKNOWN = "token_unknown"  # noqa: S105
    STRATEGY_UNKNOWN = "strategy_unknown"
    POSITION_NOT_FOUND = "position_not_found"  # Or it is another's than was meant.
    POSITION_EXISTS = "position_exists"  # one-position, averaging included.
    TOKEN_CLAIMED = "token_claimed"  # noqa: S105  A live order has the token, or had it at this tick.
    NOT_FINAL = "not_final"  # A reorg can still undo its buy.
    COOLDOWN = "cooldown"
    DAILY_LOSS = "daily_loss"
    LOSS_STREAK = "loss_streak"
    MAX_POSITIONS = "max_positions"
    CHAIN_EXPOSURE = "chain_exposure"
    TOTAL_EXPOSURE = "total_exposure"
    STRATEGY_BUDGET = "strategy_budget"
    AMOUNT_TOO_SMALL = "amount_too_small"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    NOT_ENOUGH_FUNDS = "not_enough_funds"
    NOT_ENOUGH_TOKENS = "not_enough_tokens"
    RESERVATION_NOT_FOUND = "reservation_not_found"
    ORDER_NOT_FOUND = "order_not_found"
    TRANSITION_NOT_ALLOWED = "transition_not_allowed"


# -- market ------------------------------------------------------------------------------------------
class Instrument(Struct, frozen=True):
    """A token and the pool in which it is traded."""

    token: Asset
    quote: Asset
    token_decimals: int
    quote_decimals: int
    fee_pips: int  # Pool fee in millionths: 500 is 0.05 %.


class Bar(Struct, frozen=True, array_like=True):
    """One token's trading in the interval that ends at the tick."""

    token: Asset
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Units  # Of the quote asset.
    reserve_quote: Units  # The pool's (virtual) reserves at the close: x * y = k holds in range.
    reserve_token: Units


class Tick(Struct, frozen=True, array_like=True):
    """All bars that end at one moment."""

    at_ns: int
    bars: tuple[Bar, ...]


class Follow(Struct, frozen=True):
    """A subscriber to Market: send me what comes after this moment."""

    role: Role
    after_ns: int | None  # None: from now on; the last known tick comes first.
    wishes: tuple[Id, ...] = ()  # Made at that very tick, and not yet decided as far as the role knows.


class Ticks(Struct, frozen=True):
    """Consecutive ticks.  Fold the log up to `lsn` first; before `act_from_ns` only remember, do not act.

    Whoever wants something stops at the first tick at which it does, says so in `Handled`, and goes on
    when it has its answers.  So a quiet market costs one message a batch, and the order of events is the
    market's whatever the batch.
    """

    ticks: tuple[Tick, ...]
    act_from_ns: int
    lsn: int


class Handled(Struct, frozen=True):
    """Done with all ticks up to this one; `wishes` were sent to the Portfolio for it."""

    role: Role
    through_ns: int
    wishes: tuple[Id, ...] = ()
    lsn: int = 0


class TickClosed(Struct, frozen=True):
    """Everybody has looked at this tick: the Portfolio may decide what was wished for."""

    at_ns: int
    wishes: tuple[Id, ...]
    lsn: int


class Offered(Struct, frozen=True):
    """What the market trades; whoever is not told yet has nothing to decide on."""

    instruments: tuple[Instrument, ...]
    bar_ns: int


class TickDone(Struct, frozen=True):
    """What was decided at this tick is durable and on its way."""

    at_ns: int
    lsn: int


class FeedEnded(Struct, frozen=True):
    """The recording is over and everything it caused is settled."""

    at_ns: int
    bars: int


# -- decision: strategist, positions -> portfolio ----------------------------------------------------
class Propose(Struct, frozen=True, tag=True):
    """A wish to hold a token.  Nobody acts on it before the Portfolio has approved it."""

    id: Id
    strategy: str
    token: Asset
    at_ns: int
    target_bps: int  # Share of the strategy's budget, 0 < target <= BPS.
    price: Price


class Close(Struct, frozen=True, tag=True):
    """A wish to sell a position, or a part of it."""

    id: Id
    token: Asset
    at_ns: int
    reason: CloseReason
    portion_bps: int = BPS
    strategy: str = (
        ""  # Whose wish it is, and it must be its own position; "": an exit rule's, or an operator's.
    )
    position: Id = Id("")  # "": whatever is held when this is decided.


class Revoke(Struct, frozen=True, tag=True):
    """A wish of the executor: a router may still take so much of a token, and no order pays with it."""

    id: Id
    token: Asset
    at_ns: int
    amount: Units


class Order(Struct, frozen=True, kw_only=True):
    """What the Portfolio approved: the executor accepts nothing else."""

    id: Id
    side: Side
    strategy: str
    token: Asset
    quote: Asset
    amount_in: Units  # Exact.  Buy: quote units; sell: token units; revoke: what may still be taken.
    fee_asset: Asset
    max_fee: Units  # The chain's fee (gas), at most.
    slippage_bps: int
    at_ns: int  # The tick at which it was decided.
    deadline_ns: int  # No transaction is signed after this.
    position: Id
    closes: bool = False  # A sell of all that is left.
    reason: str = ""


class Approved(Struct, frozen=True, tag=True):
    id: Id
    order: Order


class Day(Struct, frozen=True, array_like=True):
    """What a strategy would have earned in one UTC day on a budget all its own, after every cost."""

    number: int  # Since 1970.
    result_ppm: int  # Millionths of that budget.


class Rebalance(Struct, frozen=True):
    """A wish of the mixer at the first tick of a week: new budgets, by what each strategy would have earned.

    Days that an earlier rebalancing has counted are counted once.
    """

    id: Id
    at_ns: int
    days: dict[str, tuple[Day, ...]]  # By strategy; all of them are over.


class AlreadyClosing(Struct, frozen=True, tag=True):
    """first-close-wins: another close of this position is on its way."""

    id: Id
    order: Id


class Refused(Struct, frozen=True, tag=True):
    """An expected no.  The unexpected is an exception, and ends the actor that raised it."""

    id: Id
    reason: Refusal


class Decided(Struct, frozen=True):
    """To a new portfolio: its predecessor has answered this wish so.  A refusal leaves no record."""

    wish: Propose | Close
    answer: Approved | Refused | AlreadyClosing


class Execute(Struct, frozen=True):
    order: Order


class Executing(Struct, frozen=True):
    """The executor has taken the order: its bytes are out, or it has ended without any."""

    id: Id
    lsn: int


class Balances(Struct, frozen=True):
    """What the venue says that the wallet holds; the first time it is what was deposited."""

    amounts: dict[Asset, Units]
    wallet: str = ""  # Its address, and its next nonce; a paper wallet has neither.
    nonce: int = 0


# -- the log: bodies of records ----------------------------------------------------------------------
class Deposited(Struct, frozen=True, tag=True):
    asset: Asset
    amount: Units


class Adopted(Struct, frozen=True, tag=True):
    """The wallet of these books, as it was found: its next nonce on chain."""

    wallet: str
    nonce: int


class Withdrawn(Struct, frozen=True, tag=True):
    asset: Asset
    amount: Units


class OrderOpened(Struct, frozen=True, tag=True):
    """T1: the intent.  From here to the end of the order its token is claimed."""

    order: Order


class Reserved(Struct, frozen=True, tag=True):
    """T1: free money (or free tokens of a position) set aside for one order."""

    order: Id
    asset: Asset
    amount: Units


class Signed(Struct, frozen=True, tag=True):
    """T2: the bytes, before anybody else can see them."""

    order: Id
    attempt: int
    raw: str  # Hex.
    tx_id: str
    nonce: int
    min_amount_out: Units
    valid_until_ns: int  # Past this on the venue's own clock the transaction can not land; NEVER: it can.
    channel: str
    cancels: bool = False  # It does nothing but use up the nonce of the attempts before it.
    last_valid_height: int = 0  # Solana: past this block height it can not land.
    slot: int = 0  # Solana: at signing; it can not have landed before.
    leg: Leg = Leg.SWAP  # The last field: storage/chain.py leaves it out of a swap.


class BlockId(Struct, frozen=True):
    """A block, and with it all those before it: while this number has this hash, none of them is another."""

    number: int
    hash: str


class Allowed(Struct, frozen=True, tag=True):
    """T2a: an approval or a revocation is on chain; its fee is spent, and the order goes on."""

    order: Id
    leg: Leg
    tx_id: str
    evidence: str
    fee: Units
    block: int = 0
    in_block: BlockId | None = None  # If it was final then; None says nothing of where it is.


class Landed(Struct, frozen=True, tag=True):
    """T3: it is on chain, with these amounts, from the receipt."""

    order: Id
    tx_id: str
    evidence: str
    amount_in: Units
    amount_out: Units
    fee: Units
    final: bool = True  # If not, a reorg can undo it: until T4 nothing may be done with what it gave.
    block: int = 0  # Or slot: a node that is behind it knows nothing of it.
    in_block: BlockId | None = None  # Once it is final.  The last field: storage/chain.py leaves None out.


class Reverted(Struct, frozen=True, tag=True):
    """T3: it is on chain and did nothing but cost its fee."""

    order: Id
    tx_id: str
    evidence: str
    fee: Units
    in_block: BlockId | None = None


class Dead(Struct, frozen=True, tag=True):
    """T3: proved never to land."""

    order: Id
    tx_id: str
    evidence: str


class Finalized(Struct, frozen=True, tag=True):
    """T4: no reorg can undo it any more."""

    order: Id
    tx_id: str
    evidence: str
    in_block: BlockId | None = None


class Reversed(Struct, frozen=True, tag=True):
    """T3r: a reorg has undone what was booked; the order is in progress again."""

    order: Id
    tx_id: str
    evidence: str


class RolledBack(Struct, frozen=True, tag=True):
    """No bytes of a swap exist: nothing was swapped.  What approvals have cost stays spent."""

    order: Id
    reason: str


class Returned(Struct, frozen=True, tag=True):
    """What an ended order did not use of its reservation is free again."""

    order: Id
    asset: Asset
    amount: Units


class PositionOpened(Struct, frozen=True, tag=True):
    position: Id
    order: Id
    strategy: str
    token: Asset
    quote: Asset
    quantity: Units
    cost: Units


class PositionReduced(Struct, frozen=True, tag=True):
    position: Id
    order: Id
    quantity: Units  # Sold.
    cost: Units  # Of what was sold.
    proceeds: Units


class PositionClosed(Struct, frozen=True, tag=True):
    position: Id
    order: Id
    quantity: Units
    cost: Units
    proceeds: Units


class PositionReversed(Struct, frozen=True, tag=True):
    """What an order did to a position is undone: the amounts are those that were booked."""

    position: Id
    order: Id
    quantity: Units
    cost: Units
    proceeds: Units  # 0 for a buy.


class Halted(Struct, frozen=True, tag=True):
    """halt-latch: from here on nothing new in this scope, until an operator lifts it."""

    scope: str
    reason: str


class Lifted(Struct, frozen=True, tag=True):
    scope: str
    reason: str


class Expert(Struct, frozen=True):
    """Why a strategy, or cash, has what it has."""

    score: float  # The logarithm of its weight, before weights are made to add up to 1.
    share_bps: int  # By its weight, floor and cap, before its volatility is looked at.
    volatility_ppm: int | None = None  # A day's; None: too few days are known.
    days: tuple[Day, ...] = ()  # By which it is measured; the last of them have just been counted.


class Rebalanced(Struct, frozen=True, tag=True):
    """From here on each strategy may use so much: basis points of the deposits.  What is left is cash."""

    at_ns: int
    budgets: dict[str, int]
    evidence: dict[str, Expert]  # By strategy, and of "cash".


class StateSaved(Struct, frozen=True, tag=True):
    """An actor's working state, so that its successor need not read the market from the start."""

    role: Role
    through_ns: int
    state: str  # Base64 or JSON, the actor's own business.


Body = (
    Deposited | Adopted | Withdrawn | OrderOpened | Reserved | Signed | Allowed | Landed | Reverted | Dead
    | Finalized | Reversed | RolledBack | Returned | PositionOpened | PositionReduced | PositionClosed
    | PositionReversed | Halted | Lifted | Rebalanced | StateSaved
)  # fmt: skip


class Record(Struct, frozen=True):
    operation_id: Id
    operation: Operation
    status: Status
    at_ns: int
    body: Body


# -- the log: conversation ---------------------------------------------------------------------------
class Append(Struct, frozen=True):
    """All of these records or none.  Repeat it, with the same id, until it is answered."""

    id: Id
    records: tuple[Record, ...]


class Durable(Struct, frozen=True):
    id: Id
    lsn: int  # Of the last record of the append.


class Subscribe(Struct, frozen=True):
    """Tell me what follows this LSN, then whatever is committed from now on."""

    role: Role
    after: int
    every: bool = False  # Each record is news to me: what they add up to is not enough.
    epoch: int = 0  # Of the directory that I know: a successor's is higher.


class Snapshot(Struct, frozen=True):
    """What all records up to an LSN add up to: a newcomer's books begin with it."""

    lsn: int
    books: str  # Packed by storage/snapshots.py.


class InArchives(Struct, frozen=True):
    """Answer to Subscribe: up to this LSN, read the archives beside the log; then subscribe anew."""

    through: int


class Committed(Struct, frozen=True):
    """Records `after` < lsn <= `through`; a subscriber whose books do not end at `after` subscribes anew."""

    after: int
    through: int
    records: tuple[Record, ...]
    replay: bool = False  # History, not news, and not the last of it: subscribe anew for the next.


# -- signing: executor -> signer ----------------------------------------------------------------------
class Unsigned(Struct, frozen=True):
    """An EIP-1559 transaction (type 2) without its signature; its access list is empty."""

    chain_id: int
    nonce: int
    to: str  # Checksummed.
    value: int  # Wei.
    data: str  # Hex with 0x; "0x" for none.
    gas: int
    max_fee_per_gas: int  # Wei.
    max_priority_fee_per_gas: int


class Quoted(Struct, frozen=True):
    """What was quoted to the order, and what its transaction therefore has to say."""

    amount_out: Units  # Net of the token's own tax, before slippage.
    min_amount_out: Units  # As it stands in the bytes.
    asked_ns: int  # This host's monotonic clock when the question left; no wall clock can be set back to it.
    block: int
    router: str
    route: tuple[str, ...]  # Tokens, from what is paid to what is bought.
    fees: tuple[int, ...] = ()  # Uniswap V3: a pool's fee in millionths for each hop; V2: none.
    pools: tuple[str, ...] = ()


class SignRequest(Struct, frozen=True):
    """Sign these bytes for this order; the signer reads the bytes, and believes nobody about them."""

    id: Id
    order: Order
    leg: Leg
    transaction: Unsigned
    evidence: Quoted | None = None  # A swap needs one.
    chain_nonce: int = 0  # Nonces used up on chain, a stranger's too.


class SignedBytes(Struct, frozen=True):
    id: Id
    raw: str  # Hex with 0x.
    tx_id: str


class SignRefused(Struct, frozen=True):
    """Names the field, what the bytes say and what is allowed."""

    id: Id
    sentence: str


class Caps(Struct, frozen=True, kw_only=True):
    """What one wallet may sign at all, whatever an order says; fixed for the life of the signer's process."""

    chain_id: int
    wallet: str
    native: Asset  # In which fees are paid.
    wrapped: str  # The native coin as an ERC-20.
    v2_routers: tuple[str, ...] = ()
    v3_routers: tuple[str, ...] = ()  # SwapRouter02.
    intermediates: tuple[str, ...] = ()  # Tokens through which a route may lead.
    slippage_bps: int = 50
    max_fee_per_gas: int = 50 * 10**9  # Wei.
    position_cap: Units | None = None  # Quote base units of one buy.
    capital_cap: Units | None = None  # Quote base units of all buys that are not over.


class Unlock(Struct, frozen=True):
    """Where the signer finds its key and password, which no message carries, and what it may sign."""

    id: Id
    caps: Caps
    keystore: str  # A path.
    password_fd: int | None = None  # Inherited; read from its start.
    password_file: str = ""


class Unlocked(Struct, frozen=True):
    id: Id
    address: str


# -- supervision -------------------------------------------------------------------------------------
class Address(Struct, frozen=True):
    """Where an actor lives.  It dies with its process: never journalled, never compared across restarts."""

    text: str


class Directory(Struct, frozen=True):
    """Who lives where; a higher epoch replaces a lower one."""

    epoch: int
    actors: dict[Role, Address]


class Begin(Struct, frozen=True):
    """The first message to every actor."""

    role: Role
    settings: Any  # storage.config.Settings; decoded by its owner.
    run: Any = None  # storage.config.Run: this run's choices (recording, seed, speed ...).


class Ready(Struct, frozen=True):
    """Everything that the log knows about me, I know."""

    role: Role
    lsn: int
    report: dict[str, int] = {}


class Ping(Struct, frozen=True):
    number: int


class Pong(Struct, frozen=True):
    """I am alive, and this is what there is to see of me."""

    role: Role
    number: int
    facts: dict[str, Any]


class Fatal(Struct, frozen=True):
    """No restart can help: a sentence for the operator that says what to do."""

    role: Role
    sentence: str


class Drain(Struct, frozen=True):
    """Finish what is under way, take nothing new; `close` sells the open positions first.

    A buy without bytes is nothing that is under way: it is rolled back.
    """

    close: bool


class Drained(Struct, frozen=True):
    role: Role


class SaveState(Struct, frozen=True):
    """Journal your working state now: a restart then goes on from here."""


# -- operator: command line -> supervisor ------------------------------------------------------------
class Start(Struct, frozen=True):
    id: Id
    settings: Any
    run: Any
    unlock: Unlock | None = None  # Live: where the signer finds its key.


class Stop(Struct, frozen=True):
    id: Id
    close_positions: bool


class Halt(Struct, frozen=True):
    """halt-latch: over restarts too, until an operator lifts it.

    Of EVERYTHING: nothing more is bought, sells go on.  Of the WALLET: nothing is signed or sent at all.
    """

    id: Id
    scope: str
    reason: str


class Lift(Struct, frozen=True):
    id: Id
    scope: str
    reason: str


class GetStatus(Struct, frozen=True):
    id: Id


class RunState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"  # An actor is down; its successor is on its way.
    DRAINING = "draining"
    STOPPED = "stopped"
    FAILED = "failed"


# What a supervisor says at the end of a stop; so ends the sentence if something stays open.
SAVES = "saves its state"
GOES_ON = "the next start goes on with them"


class StatusReport(Struct, frozen=True):
    """Answer to GetStatus, after a Start or Stop too: accepted is not done, `state` says how far it is."""

    id: Id
    state: RunState
    sentence: str
    epoch: int
    restarts: dict[Role, int]
    facts: dict[Role, dict[str, Any]]
    pids: dict[Role, int] = {}
    mode: str = ""  # Of the run: paper or live; "" before it has begun.
