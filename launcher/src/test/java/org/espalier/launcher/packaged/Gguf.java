package org.espalier.launcher.packaged;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** The demo model's bytes, to be damaged in one place. */
final class Gguf {
  private final byte[] bytes;

  private Gguf(byte[] bytes) {
    this.bytes = bytes;
  }

  static Gguf demo() throws IOException {
    return new Gguf(Files.readAllBytes(Launch.DEMO));
  }

  /** Replaces the first occurrence of a text, as it stands in the file, by one as long. */
  Gguf replace(String text, String by) {
    byte[] replacement = by.getBytes(StandardCharsets.UTF_8);
    System.arraycopy(replacement, 0, bytes, find(text), replacement.length);
    return this;
  }

  /**
   * Sets the type of a tensor: it follows the name, the number of dimensions (32 bits) and the
   * dimensions (64 bits each).
   */
  Gguf type(String tensor, int type) {
    ByteBuffer file = buffer();
    int dimensions = find(tensor) + tensor.length();
    file.putInt(dimensions + Integer.BYTES + file.getInt(dimensions) * Long.BYTES, type);
    return this;
  }

  /** Sets a dimension of a tensor, counted from the innermost. */
  Gguf dimension(String tensor, int index, long size) {
    int dimensions = find(tensor) + tensor.length();
    buffer().putLong(dimensions + Integer.BYTES + index * Long.BYTES, size);
    return this;
  }

  /** Sets how many values an array has: it follows the key, its type and that of its values. */
  Gguf count(String key, long count) {
    buffer().putLong(find(key) + key.length() + 2 * Integer.BYTES, count);
    return this;
  }

  Path write(Path file) throws IOException {
    return Files.write(file, bytes);
  }

  Path writeFirst(int count, Path file) throws IOException {
    return Files.write(file, Arrays.copyOf(bytes, count));
  }

  private ByteBuffer buffer() {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private int find(String text) {
    byte[] sought = text.getBytes(StandardCharsets.UTF_8);
    for (int at = 0; at + sought.length <= bytes.length; at++) {
      if (Arrays.equals(bytes, at, at + sought.length, sought, 0, sought.length)) {
        return at;
      }
    }
    throw new AssertionError(text + " is not in the demo model");
  }
}
