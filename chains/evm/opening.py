"""The venue of a live run, from its configuration."""

from chains.evm.desk import desk_of
from chains.evm.nodes import nodes_of
from chains.evm.venue import EvmVenue
from storage.config import Settings


def evm_venue(settings: Settings) -> EvmVenue:
    """ConfigError names the key and the fix."""
    return EvmVenue(nodes_of(settings.evm), desk_of(settings))
