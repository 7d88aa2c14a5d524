"""Raw CDR in and out of Cyclone DDS, under ROS 2's topic and type names.

Each topic is declared to Cyclone as a type whose only field is the first octet, and the bytes pass through unread: its
own Python types would copy a 640x480 image element by element (28 ms). Nothing in here calls Python from a DDS thread,
and no call that can block holds the interpreter's lock, so a slow peer never freezes the process.
"""

import ctypes
import itertools
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cyclonedds._clayer import ddspy_take
from cyclonedds.core import DDSException
from cyclonedds.domain import DomainParticipant
from cyclonedds.idl import make_idl_struct
from cyclonedds.idl.types import uint8
from cyclonedds.internal import DDS
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy, Qos
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic

from qtopt_agent.standalone.interfaces import dds_type, type_hash

_LIB = ctypes.CDLL(DDS._dll_handle._name)  # apart from the package's own, whose argument types are set
_ANY_STATE = 0x7F
_TAKE = 64
# Held while cyclonedds reads settings of endpoints: it does so by way of variables that all threads share.
QOS_LOCK = threading.Lock()
MAX_BLOCKING = 100_000_000  # ns that a reliable writer waits for a slow reader before `write` gives up


class _Sample(ctypes.Structure):
    _fields_ = (("data", ctypes.c_char_p), ("size", ctypes.c_size_t))


@dataclass
class Reader:
    """A topic's incoming samples, at most `depth`: the oldest gives way, as in a KEEP_LAST history."""

    entity: DataReader[Any]
    samples: deque[tuple[bytes, int]] = field(repr=False)  # CDR, handle of the writer


@dataclass
class Writer:
    """A topic's outgoing side."""

    entity: DataWriter[Any]

    def write(self, data: bytes) -> bool:
        """Send CDR bytes. Returns False, with nothing sent, where a reliable reader left no room for 0.1 s."""
        data += b"\0" * (-len(data) % 4)
        code = _LIB.dds_write(self.entity._ref, ctypes.byref(_Sample(data, len(data))))
        if code < 0 and code != DDSException.DDS_RETCODE_TIMEOUT:
            raise DDSException(code, "in dds_write")
        return code == 0


class Participant:
    """One process's place in the DDS domain. `notify` is called, from a thread of its own, when samples have come."""

    def __init__(self, domain: int, notify: Callable[[], None]) -> None:
        self.entity = DomainParticipant(domain, qos=Qos(Policy.Userdata(b"enclave=/;")))
        self._topics: dict[str, Topic[Any]] = {}
        self._readers: dict[int, Reader] = {}
        self._keys = itertools.count(1)
        self._notify = notify
        self._lock = threading.Lock()
        self._closing = False
        self._waitset = _LIB.dds_create_waitset(self.entity._ref)
        self._wake = _LIB.dds_create_guardcondition(self.entity._ref)
        _LIB.dds_waitset_attach(self._waitset, self._wake, ctypes.c_ssize_t(0))
        self._thread = threading.Thread(target=self._receive, name="dds", daemon=True)
        self._thread.start()

    def writer(self, topic: str, typename: str, qos: Qos, about: str = "") -> Writer:
        """Announce a writer of ROS type `typename` on the DDS topic `topic`."""
        return Writer(DataWriter(self.entity, self._topic(topic, typename), qos=_complete(qos, typename, about)))

    def reader(self, topic: str, typename: str, qos: Qos, depth: int, about: str = "") -> Reader:
        """Listen to `topic`; samples collect in the reader until they are taken from it."""
        entity = DataReader(self.entity, self._topic(topic, typename), qos=_complete(qos, typename, about))
        reader = Reader(entity, deque(maxlen=depth))
        with self._lock:
            key = next(self._keys)
            self._readers[key] = reader
        condition = _LIB.dds_create_readcondition(entity._ref, _ANY_STATE)
        _LIB.dds_waitset_attach(self._waitset, condition, ctypes.c_ssize_t(key))
        return reader

    def remove(self, endpoint: Reader | Writer) -> None:
        """Withdraw a reader or writer."""
        with self._lock:
            self._readers = {key: reader for key, reader in self._readers.items() if reader is not endpoint}
            endpoint.entity.__del__()

    def close(self) -> None:
        """Leave the domain: peers see every endpoint go."""
        self._closing = True
        _LIB.dds_set_guardcondition(self._wake, True)
        self._thread.join()
        with self._lock:
            self._readers = {}
            _LIB.dds_delete(self.entity._ref)

    def _topic(self, name: str, typename: str) -> Topic[Any]:
        if name not in self._topics:
            self._topics[name] = Topic(
                self.entity, name, make_idl_struct("Opaque", dds_type(typename), {"first": uint8})
            )
        if self._topics[name].typename != dds_type(typename):
            raise ValueError(f"topic {name} has type {self._topics[name].typename}, not {dds_type(typename)}")
        return self._topics[name]

    def _receive(self) -> None:
        keys = (ctypes.c_ssize_t * 64)()
        while not self._closing:
            count = _LIB.dds_waitset_wait(self._waitset, keys, ctypes.c_size_t(64), ctypes.c_int64(10**9))
            if count < 0:
                raise DDSException(count, "in dds_waitset_wait")
            for key in keys[: min(count, 64)]:
                with self._lock:
                    reader = self._readers.get(key)
                    while reader and self._take(reader) == _TAKE:
                        pass
            if count:
                self._notify()

    @staticmethod
    def _take(reader: Reader) -> int:
        taken = ddspy_take(reader.entity._ref, _ANY_STATE, _TAKE)
        if isinstance(taken, int):
            raise DDSException(taken, "in dds_take")
        reader.samples.extend((data, info.publication_handle) for data, info in taken if info.valid_data)
        return len(taken)


def _complete(qos: Qos, typename: str, about: str) -> Qos:
    plain = Policy.DataRepresentation(use_cdrv0_representation=True)
    lifecycle = Policy.WriterDataLifecycle(autodispose=False)
    return qos + Qos(plain, lifecycle, Policy.Userdata(f"{about}typehash={type_hash(typename)};".encode()))
