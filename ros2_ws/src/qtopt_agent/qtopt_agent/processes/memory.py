"""Settings of the C library's allocator."""

import ctypes


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory in the process instead of giving it back; False where there is no glibc.

    A training step allocates and frees the same few megabytes each time, and the page faults of doing so through the
    kernel cost more than the arithmetic of a small network. Call it before the first large allocation.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return False
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # malloc.h
    # 32 MiB is the highest mmap threshold that glibc accepts.
    settings = ((mmap_threshold, 32 << 20), (trim_threshold, 1 << 30), (top_pad, 64 << 20))
    return all([library.mallopt(option, value) == 1 for option, value in settings])
