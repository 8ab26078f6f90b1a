"""JSON-RPC to the node of a devnet: one question, one answer, no retries.  For control, not for trading."""

import http.client
from collections.abc import Sequence
from typing import Any

from msgspec import json

Call = tuple[str, Sequence[object]]  # A method and its parameters.


class RpcError(Exception):
    """What a node answers instead of a result."""

    def __init__(self, method: str, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{method}: {message} ({code})")
        self.method, self.code, self.message, self.data = method, code, message, data


class Rpc:
    """Every question has its own connection, so a node that was restarted is simply asked again.

    OSError (TimeoutError, ConnectionRefusedError among them) if the node does not answer.
    """

    def __init__(self, port: int, timeout: float = 30.0) -> None:
        self._port, self._timeout = port, timeout

    def call(self, method: str, *params: object) -> Any:
        """The result; RpcError if the node refuses."""
        return _result(method, self._answer(_request(0, method, params)))

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """All results, in the order of the calls; RpcError for the first that the node refuses."""
        if not calls:
            return []
        answers = self._answer([_request(id, method, params) for id, (method, params) in enumerate(calls)])
        by_id = {answer["id"]: answer for answer in answers}
        return [_result(method, by_id[id]) for id, (method, _) in enumerate(calls)]

    def _answer(self, body: object) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
        try:
            connection.request("POST", "/", json.encode(body), {"Content-Type": "application/json"})
            return json.decode(connection.getresponse().read())
        finally:
            connection.close()


def _request(id: int, method: str, params: Sequence[object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": list(params)}


def _result(method: str, answer: dict[str, Any]) -> Any:
    if error := answer.get("error"):
        raise RpcError(method, error["code"], error["message"], error.get("data"))
    return answer["result"]
