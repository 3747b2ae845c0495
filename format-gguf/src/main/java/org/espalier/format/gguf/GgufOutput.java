package org.espalier.format.gguf;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;

/** Writes forward through one buffer to a file, little-endian. */
final class GgufOutput {
  private static final int BUFFER_BYTES = 1 << 20;

  private final FileChannel channel;
  private final ByteBuffer buffer =
      ByteBuffer.allocateDirect(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
  private long flushed;

  GgufOutput(FileChannel channel) {
    this.channel = channel;
  }

  long position() {
    return flushed + buffer.position();
  }

  void int8(int value) throws IOException {
    room(Byte.BYTES).put((byte) value);
  }

  void int16(int value) throws IOException {
    room(Short.BYTES).putShort((short) value);
  }

  void int32(int value) throws IOException {
    room(Integer.BYTES).putInt(value);
  }

  void int64(long value) throws IOException {
    room(Long.BYTES).putLong(value);
  }

  /** A length and the bytes. */
  void text(ByteBuffer utf8) throws IOException {
    int64(utf8.remaining());
    bytes(MemorySegment.ofBuffer(utf8));
  }

  /** All bytes of a segment of any kind and size. */
  void bytes(MemorySegment bytes) throws IOException {
    // Copied through the buffer: a heap segment of floats has no byte buffer, and a large heap
    // buffer would make the channel allocate as much again outside the heap.
    MemorySegment target = MemorySegment.ofBuffer(buffer.duplicate().clear());
    for (long done = 0; done < bytes.byteSize(); ) {
      int start = room(1).position();
      long count = Math.min(buffer.remaining(), bytes.byteSize() - done);
      MemorySegment.copy(bytes, done, target, start, count);
      buffer.position(start + (int) count);
      done += count;
    }
  }

  /** Zeros up to the next multiple of the alignment. */
  void pad(long alignment) throws IOException {
    for (long end = Alignment.up(position(), alignment); position() < end; ) {
      int8(0);
    }
  }

  /** Replaces eight bytes written before. */
  void patch(long position, long value) throws IOException {
    flush();
    ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(value).flip();
    while (bytes.hasRemaining()) {
      channel.write(bytes, position + bytes.position());
    }
  }

  /** Hands everything to the operating system. */
  void flush() throws IOException {
    flushed += buffer.position();
    buffer.flip();
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
    buffer.clear();
  }

  private ByteBuffer room(int bytes) throws IOException {
    if (buffer.remaining() < bytes) {
      flush();
    }
    return buffer;
  }
}
