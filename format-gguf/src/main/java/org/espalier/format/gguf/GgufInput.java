package org.espalier.format.gguf;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.espalier.api.EspalierException.MalformedModel;

/**
 * Reads forward through the bytes of a file; every step is checked against the end. {@code what}
 * names the thing being read for the message that a file which ends within it gets.
 */
final class GgufInput {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
  private static final int QUOTED_LENGTH = 64;

  private final Path path;
  private final MemorySegment bytes;
  private long position;

  GgufInput(Path path, MemorySegment bytes) {
    this.path = path;
    this.bytes = bytes;
  }

  Path path() {
    return path;
  }

  long position() {
    return position;
  }

  long remaining() {
    return bytes.byteSize() - position;
  }

  byte int8(String what) {
    return bytes.get(ValueLayout.JAVA_BYTE, advance(1, what));
  }

  short int16(String what) {
    return bytes.get(SHORT, advance(2, what));
  }

  int int32(String what) {
    return bytes.get(INT, advance(4, what));
  }

  long int64(String what) {
    return bytes.get(LONG, advance(8, what));
  }

  /** A number of things of at least the given size, as many as can still be in the file. */
  long count(String what, int minimumBytes) {
    long place = position;
    long count = int64("the number of " + what);
    if (count < 0 || count > remaining() / minimumBytes) {
      throw malformed(
          place,
          "%s %s are announced, but only %d bytes follow"
              .formatted(Long.toUnsignedString(count), what, remaining()));
    }
    return count;
  }

  /**
   * Text for people and tokens. Broken UTF-8 becomes U+FFFD: one odd description must not make a
   * model unusable, and a token spoilt so never matches a text by accident, because the alphabet of
   * byte-level vocabularies does not contain that character.
   */
  String text(String what, long maximumBytes) {
    return new String(textBytes(what, maximumBytes), StandardCharsets.UTF_8);
  }

  /** Text that is looked up by name, so it must be valid UTF-8. */
  String name(String what, long maximumBytes) {
    long place = position;
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(textBytes(what, maximumBytes)))
          .toString();
    } catch (CharacterCodingException e) {
      throw malformed(place, what + " is not valid UTF-8");
    }
  }

  private byte[] textBytes(String what, long maximumBytes) {
    long place = position;
    long length = int64(what);
    if (length < 0 || length > remaining()) {
      throw malformed(
          place,
          "%s is said to have %s bytes, but only %d follow"
              .formatted(what, Long.toUnsignedString(length), remaining()));
    }
    if (length > maximumBytes) {
      throw malformed(
          place, "%s has %d bytes, more than the %d allowed".formatted(what, length, maximumBytes));
    }
    byte[] text = new byte[(int) length];
    MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, advance(length, what), text, 0, text.length);
    return text;
  }

  private long advance(long count, String what) {
    if (count > remaining()) {
      throw malformed(bytes.byteSize(), "the file ends within " + what);
    }
    long start = position;
    position += count;
    return start;
  }

  /** The exception that says what is wrong at a byte of the file. */
  MalformedModel malformed(long place, String what) {
    return new MalformedModel(
        "'%s' is damaged or incomplete at byte %d: %s; get a fresh copy of the file"
            .formatted(path, place, what));
  }

  /** A name from the file, made fit for a message. */
  static String quoted(String name) {
    String start = name.length() > QUOTED_LENGTH ? name.substring(0, QUOTED_LENGTH) + "…" : name;
    return "'" + start.replaceAll("\\p{Cntrl}", "�") + "'";
  }
}
