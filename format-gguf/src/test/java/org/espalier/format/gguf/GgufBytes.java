package org.espalier.format.gguf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Builds GGUF files by hand, good and bad, without the code under test. */
final class GgufBytes {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  /** Magic, version and the two counts. */
  static GgufBytes header(int version, long tensors, long entries) {
    return new GgufBytes().raw("GGUF").int32(version).int64(tensors).int64(entries);
  }

  GgufBytes int8(int value) {
    return little(value, 1);
  }

  GgufBytes int16(int value) {
    return little(value, 2);
  }

  GgufBytes int32(long value) {
    return little(value, 4);
  }

  GgufBytes int64(long value) {
    return little(value, 8);
  }

  GgufBytes float32(float value) {
    return int32(Float.floatToRawIntBits(value));
  }

  GgufBytes float64(double value) {
    return int64(Double.doubleToRawLongBits(value));
  }

  GgufBytes raw(byte... raw) {
    bytes.writeBytes(raw);
    return this;
  }

  GgufBytes raw(String ascii) {
    return raw(ascii.getBytes(StandardCharsets.US_ASCII));
  }

  GgufBytes text(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    return int64(utf8.length).raw(utf8);
  }

  /** A key and the code of its value's type. */
  GgufBytes key(String key, int type) {
    return text(key).int32(type);
  }

  /** A line of the table; dimensions innermost first. */
  GgufBytes tensor(String name, int type, long offset, long... dimensions) {
    text(name).int32(dimensions.length);
    for (long dimension : dimensions) {
      int64(dimension);
    }
    return int32(type).int64(offset);
  }

  GgufBytes align(int alignment) {
    return zeros(-bytes.size() & (alignment - 1));
  }

  GgufBytes zeros(int count) {
    return raw(new byte[count]);
  }

  byte[] toByteArray() {
    return bytes.toByteArray();
  }

  Path writeTo(Path path) {
    try {
      return Files.write(path, toByteArray());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private GgufBytes little(long value, int count) {
    for (int i = 0; i < count; i++) {
      bytes.write((int) (value >>> (8 * i)));
    }
    return this;
  }
}
