package org.espalier.backend.cuda.stage;

/** Hands out places in one block of memory, each at a multiple of 256 bytes. */
final class Layout {
  private long end;

  /** Room for so many bytes: its offset. */
  long take(long bytes) {
    long offset = end;
    end += bytes + 255 & -256;
    return offset;
  }

  /** Where the next place would begin. */
  long end() {
    return end;
  }

  /** Goes back: what is taken from here on shares memory with what was taken since. */
  void back(long to) {
    end = to;
  }
}
