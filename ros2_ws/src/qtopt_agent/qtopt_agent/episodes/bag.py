"""One rosbag2 bag: an MCAP file of lz4 chunks beside its metadata.yaml, written in order and scanned tolerantly."""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import lz4.frame
import zstandard
from mcap.exceptions import EndOfFile, McapError
from mcap.records import Channel, Chunk, DataEnd, Footer, McapRecord, Message, Schema
from mcap.stream_reader import StreamReader, breakup_chunk
from mcap.writer import CompressionType, Writer
from rosbags.serde import SerdeError

from qtopt_agent.core.errors import CorruptEpisode
from qtopt_agent.episodes.message_types import TOPICS, RecordedType, from_cdr, recorded_type, schema, type_hash
from qtopt_agent.episodes.metadata import FILE_NAME, BagSummary, TopicAbout, metadata_text

# What mcap, lz4, zstandard and rosbags raise on bytes they cannot read; their text is passed on in CorruptEpisode.
READ_ERRORS = (
    *(McapError, SerdeError, zstandard.ZstdError, struct.error),
    *(ValueError, RuntimeError, OverflowError, MemoryError),
)
MAX_BYTES = 4 << 30  # of a recording without its compression: a few kB can claim to be terabytes


class BagWriter:
    """Writes a bag into an existing, empty folder. A chunk is on its way to the disk when `flush` returns.

    Raises OSError as the file system does. Whatever happens, the chunks flushed before remain readable.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._mcap = folder / f"{name}_0.mcap"
        self._summary = BagSummary()
        self._stream = self._mcap.open("xb")
        self._writer = Writer(self._stream, compression=CompressionType.LZ4, enable_data_crcs=True)
        self._writer.start(profile="ros2", library="qtopt")
        self._channels = {topic: self._register(topic) for topic in TOPICS}

    def add(self, topic: str, data: bytes, log_time: int) -> None:
        """Append the message of CDR `data`, logged at `log_time` ns."""
        self._writer.add_message(self._channels[topic], log_time, data, log_time)
        self._summary.add(topic, log_time)

    def flush(self) -> None:
        """End the chunk and hand it to the operating system: from here on the process may be killed."""
        self._writer.flush()

    def finish(self, sync: bool) -> None:
        """Complete the file and write metadata.yaml; with `sync`, both survive a power cut once this returns."""
        self._writer.finish()
        self._stream.flush()
        if sync:
            os.fsync(self._stream.fileno())
        self._stream.close()
        with (self._folder / FILE_NAME).open("x") as file:
            file.write(metadata_text(self._mcap.name, self._summary))
            if sync:
                file.flush()
                os.fsync(file.fileno())
        if sync:
            sync_folder(self._folder)

    def abandon(self) -> None:
        """Close the file as it is, even where the disk takes no more."""
        with suppress(OSError):
            self._stream.close()

    def _register(self, topic: str) -> int:
        schema_id = self._writer.register_schema(TOPICS[topic], "ros2msg", schema(topic).encode())
        about = {"offered_qos_profiles": "", "topic_type_hash": type_hash(topic)}
        return self._writer.register_channel(topic, "cdr", schema_id, about)


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Recorded(NamedTuple):
    """A message, and its CDR as this version writes it."""

    message: Any
    data: bytes


@dataclass
class BagContents:
    """The messages of every complete chunk on each of our topics, in file order.

    `problem` says why reading stopped early, if so; `unread` is the number of bytes after the place where it stopped.
    """

    messages: dict[str, list[Recorded]] = field(default_factory=lambda: {topic: [] for topic in TOPICS})
    summary: BagSummary = field(default_factory=BagSummary)
    problem: str | None = None
    unread: int = 0


def mcap_file(folder: Path) -> Path:
    """The one MCAP file in `folder`. Raises CorruptEpisode where there is none, or several."""
    try:
        found = sorted(folder.glob("*.mcap"))
    except OSError as error:
        raise CorruptEpisode(f"{folder}: {error.strerror}") from error
    if not folder.is_dir():
        raise CorruptEpisode(f"{folder}: there is no such folder")
    if len(found) != 1:
        raise CorruptEpisode(f"{folder}: has {len(found)} .mcap files, expected 1")
    if not found[0].is_file():
        raise CorruptEpisode(f"{found[0]}: is not an ordinary file")
    return found[0]


def scan(file: Path) -> BagContents:
    """Read `file` as far as it is whole, checking every checksum. Messages on others' topics are only counted.

    Raises CorruptEpisode where it cannot be opened or its messages are defined otherwise than here.
    """
    contents = BagContents()
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            try:
                _scan(stream, size, contents)
            except READ_ERRORS as error:
                cut = isinstance(error, EndOfFile | struct.error)
                contents.problem = f"it is cut short after {size} bytes" if cut else str(error)
                contents.unread = size - stream.tell()
    except OSError as error:
        raise CorruptEpisode(f"{file}: {error.strerror}") from error
    except CorruptEpisode as error:
        raise CorruptEpisode(f"{file}: {error}") from error
    return contents


def _scan(stream: BinaryIO, size: int, contents: BagContents) -> None:
    schemas: dict[int, Schema] = {}
    topics: dict[int, str] = {}
    types: dict[int, RecordedType] = {}
    summed = False
    for record in _records(stream, size):
        if isinstance(record, Schema):
            schemas[record.id] = record
        elif isinstance(record, Channel) and record.id not in topics:
            topics[record.id] = record.topic
            about = _about(record, schemas.get(record.schema_id))
            if record.topic in TOPICS:
                types[record.id] = type_of(record, schemas.get(record.schema_id))
                about = replace(about, hash=types[record.id].type_hash)
            contents.summary.describe(record.topic, about)
        elif isinstance(record, Message):
            topic = topics.get(record.channel_id, f"channel {record.channel_id}")
            contents.summary.add(topic, record.log_time)
            if topic in TOPICS:
                data = record.data + types[record.channel_id].lacks
                contents.messages[topic].append(Recorded(from_cdr(topic, data), data))
        elif isinstance(record, DataEnd):
            summed = True
        elif isinstance(record, Footer):
            footer = record
    if not summed:
        raise ValueError("the record with the checksum of its data is missing")
    if stream.tell() != size:
        raise ValueError(f"{size - stream.tell()} bytes follow the end of the recording")
    stream.seek(min(footer.summary_start, size))
    # The checksum covers the summary and the footer up to itself; 12 bytes, itself and the magic number, follow.
    summary = stream.read()[:-12]
    if footer.summary_crc not in (0, zlib.crc32(summary)):
        raise ValueError("checksum of the summary does not match")


def _records(stream: BinaryIO, size: int) -> Iterator[McapRecord]:
    """Every record of the file, chunks unpacked; never more than MAX_BYTES of them."""
    left = MAX_BYTES
    for record in StreamReader(stream, emit_chunks=True, validate_crcs=True, record_size_limit=size).records:
        if not isinstance(record, Chunk):
            yield record
            continue
        left -= record.uncompressed_size
        if left < 0:
            raise ValueError(f"a recording of over {MAX_BYTES >> 30} GiB without its compression")
        yield from breakup_chunk(replace(record, compression="", data=_unpacked(record)), validate_crc=True)


def _unpacked(chunk: Chunk) -> bytes:
    """The data of `chunk`, which says how long it is; a compressed byte more is never produced."""
    wanted = chunk.uncompressed_size
    if chunk.compression == "lz4":
        data = lz4.frame.LZ4FrameDecompressor().decompress(chunk.data, max_length=wanted + 1)
    elif chunk.compression == "zstd":
        data = zstandard.ZstdDecompressor().stream_reader(chunk.data).read(wanted + 1)
    elif chunk.compression == "":
        data = chunk.data
    else:
        raise ValueError(f"compression {chunk.compression!r}, expected lz4, zstd or none")
    if len(data) != wanted:
        raise ValueError(f"a chunk of {wanted} bytes has {len(data)}")
    return bytes(data)


def _about(channel: Channel, schema: Schema | None) -> TopicAbout:
    about = channel.metadata
    return TopicAbout(
        schema.name if schema else "",
        channel.message_encoding,
        about.get("offered_qos_profiles", ""),
        about.get("topic_type_hash", ""),
    )


def type_of(channel: Channel, found: Schema | None) -> RecordedType:
    """The type of the messages on a channel of one of our topics. Raises CorruptEpisode where it is no version's."""
    if channel.message_encoding != "cdr" or found is None or found.encoding != "ros2msg":
        raise CorruptEpisode(f"{channel.topic} is not recorded as cdr with a ros2msg definition")
    known = recorded_type(channel.topic, found.data.decode()) if found.name == TOPICS[channel.topic] else None
    if known is None:
        raise CorruptEpisode(
            f"{channel.topic} carries another {found.name} than this version's {TOPICS[channel.topic]}"
        )
    return known
