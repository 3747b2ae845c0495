package org.espalier.format.gguf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.espalier.api.EspalierException.MalformedModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files made to break a reader: each gets a sentence with the file, the byte and the reason. */
class HostileFileTest {
  private static final int STRING = 8;
  private static final int ARRAY = 9;

  @TempDir private Path folder;

  private void assertMalformed(GgufBytes file, long place, String... parts) {
    Path path = file.writeTo(folder.resolve("hostile.gguf"));
    MalformedModel e = assertThrows(MalformedModel.class, () -> new GgufFormat().open(path));
    String start = "'%s' is damaged or incomplete at byte %d: ".formatted(path, place);
    assertEquals(
        start, e.getMessage().substring(0, Math.min(start.length(), e.getMessage().length())));
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
    assertFalse(e.getMessage().contains("\n"));
    assertTrue(e.getMessage().length() < 600, e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 1000, 1L << 31, 1L << 40, Long.MAX_VALUE, Long.MIN_VALUE, -1})
  void countsBeyondTheFile(long count) {
    String text = Long.toUnsignedString(count);
    assertMalformed(GgufBytes.header(3, count, 0), 8, text + " tensors are announced");
    assertMalformed(GgufBytes.header(3, 0, count), 16, text + " metadata entries are announced");
  }

  @ParameterizedTest
  @ValueSource(longs = {6, 1L << 31, 1L << 60, Long.MIN_VALUE, -1})
  void lengthsBeyondTheFile(long length) {
    assertMalformed(
        GgufBytes.header(3, 0, 1).int64(length).raw("abcd").zeros(1), 24, "metadata key");
    assertMalformed(
        GgufBytes.header(3, 0, 1).key("k", STRING).int64(length).raw("abcd"),
        24 + 8 + 1 + 4,
        "is said to have " + Long.toUnsignedString(length) + " bytes, but only 4 follow");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
  void arraysBeyondTheFile(int type) {
    for (long count : new long[] {101, 1L << 31, 1L << 61, Long.MIN_VALUE, -1}) {
      assertMalformed(
          GgufBytes.header(3, 0, 1)
              .key("tokenizer.ggml.merges", ARRAY)
              .int32(type)
              .int64(count)
              .zeros(100),
          24 + 8 + 21 + 4 + 4,
          Long.toUnsignedString(count) + " entries of the value of metadata key",
          "'tokenizer.ggml.merges'",
          "only 100 bytes follow");
    }
  }

  @Test
  void moreValuesThanAnyVocabularyNeeds() {
    int count = (int) MetadataReader.MAX_VALUES;
    GgufBytes tooMany = GgufBytes.header(3, 0, 1).key("k", ARRAY).int32(0).int64(count);
    assertMalformed(tooMany.zeros(count), 49, "more than the 4194304 values allowed");
    GgufBytes empties = GgufBytes.header(3, 0, 1).key("k", ARRAY).int32(STRING).int64(count);
    assertMalformed(empties.zeros(8 * count), 49, "more than the 4194304 values allowed");
  }

  @Test
  void deepNesting() {
    GgufBytes file = GgufBytes.header(3, 0, 1).key("k", ARRAY);
    for (int i = 0; i < 100_000; i++) {
      file.int32(ARRAY).int64(1);
    }
    assertMalformed(
        file.int32(0).int64(0),
        37 + 12 * MetadataReader.MAX_DEPTH,
        "nests arrays more than 8 deep");
  }

  @ParameterizedTest
  @ValueSource(ints = {13, 255, 1 << 30, Integer.MIN_VALUE, -1})
  void unknownTypesOfValues(int type) {
    String text = "'k' is of the unknown type " + Integer.toUnsignedString(type);
    assertMalformed(GgufBytes.header(3, 0, 1).key("k", type).int64(0), 33, text);
    assertMalformed(GgufBytes.header(3, 0, 1).key("k", ARRAY).int32(type).int64(0), 37, text);
  }

  @Test
  void truthThatIsNeitherTrueNorFalse() {
    assertMalformed(GgufBytes.header(3, 0, 1).key("k", 7).int8(2), 37, "neither true");
  }

  @Test
  void duplicates() {
    assertMalformed(
        GgufBytes.header(3, 0, 2).key("k", 0).int8(1).key("k", 0).int8(1),
        38,
        "'k' is there twice");
    assertMalformed(
        GgufBytes.header(3, 2, 0).tensor("t", 0, 0, 8).tensor("t", 0, 32, 8).align(32).zeros(64),
        57,
        "tensor 't' is in the table twice");
  }

  @Test
  void namesThatAreNoUtf8OrTooLong() {
    assertMalformed(
        GgufBytes.header(3, 0, 1).int64(1).raw((byte) 0xFF).int32(0).int8(0),
        24,
        "not valid UTF-8");
    assertMalformed(
        GgufBytes.header(3, 0, 1).text("k".repeat(65_536)).int32(0).int8(0), 24, "65535 allowed");
    assertMalformed(
        GgufBytes.header(3, 1, 0).tensor("t".repeat(1025), 0, 0, 8).align(32).zeros(32),
        24,
        "1024 allowed");
  }

  @Test
  void namesAreMadeFitForMessages() {
    String hostile = "\u001b[31m\n" + "x".repeat(1000);
    assertMalformed(
        GgufBytes.header(3, 1, 0).tensor(hostile, 0, 3, 8).align(32).zeros(64),
        24,
        "'\uFFFD[31m\uFFFDxxx");
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 1, 3, 4, 24, 33, 1L << 22, 1L << 40, Long.MIN_VALUE, -32})
  void alignments(long alignment) {
    assertMalformed(
        GgufBytes.header(3, 0, 1).key("general.alignment", 10).int64(alignment).zeros(64),
        49,
        "'general.alignment' must be a power of two");
  }

  @Test
  void anAlignmentThatIsNoWholeNumber() {
    assertMalformed(
        GgufBytes.header(3, 0, 1).key("general.alignment", 6).float32(32), 49, "general.alignment");
  }

  @Test
  void shapes() {
    for (long[] dimensions :
        new long[][] {
          {0},
          {-1},
          {Long.MIN_VALUE},
          {4, 0},
          {1L << 32, 1L << 32},
          {1L << 62},
          {2, 1L << 61, 4},
          {Long.MAX_VALUE, Long.MAX_VALUE, Long.MAX_VALUE, Long.MAX_VALUE}
        }) {
      assertMalformed(
          GgufBytes.header(3, 1, 0).tensor("t", 0, 0, dimensions).align(32).zeros(64),
          24,
          "tensor 't' has the impossible shape");
    }
    assertMalformed(
        GgufBytes.header(3, 1, 0).tensor("t", 0, 0, 1, 1, 1, 1, 1).align(32).zeros(64),
        24,
        "has 5 dimensions");
    assertMalformed(
        GgufBytes.header(3, 1, 0).text("t").int32(-1).zeros(64), 24, "has 4294967295 dimensions");
    assertMalformed(
        GgufBytes.header(3, 1, 0).tensor("t", 12, 0, 255).align(32).zeros(640),
        24,
        "rows of 255 elements",
        "block of 256");
  }

  @ParameterizedTest
  @ValueSource(longs = {64, 96, 1L << 40, Long.MAX_VALUE - 31, Long.MIN_VALUE, -32})
  void offsetsOutsideTheFile(long offset) {
    for (int type : new int[] {0, 41}) {
      assertMalformed(
          GgufBytes.header(3, 1, 0).tensor("t", type, offset, 8).align(32).zeros(64),
          24,
          "tensor 't' begins at byte " + Long.toUnsignedString(offset),
          "which has only 64");
    }
  }

  @Test
  void offsetsOffTheAlignment() {
    assertMalformed(
        GgufBytes.header(3, 1, 0).tensor("t", 0, 4, 8).align(32).zeros(64), 24, "no multiple of");
  }

  @Test
  void tensorsThatDoNotFit() {
    assertMalformed(
        GgufBytes.header(3, 1, 0).tensor("t", 0, 0, 17).align(32).zeros(64),
        24,
        "needs 68 bytes, but after 64 the file ends");
    assertMalformed(
        GgufBytes.header(3, 1, 0).tensor("t", 28, 0, Long.MAX_VALUE / 8).align(32).zeros(64),
        24,
        "needs 9223372036854775800 bytes");
    assertMalformed(
        GgufBytes.header(3, 1, 0).tensor("t", 0, 0, 8), 24, "the data, which has only 0");
  }

  @Test
  void tensorsThatOverlap() {
    assertMalformed(
        GgufBytes.header(3, 2, 0).tensor("a", 0, 0, 9).tensor("b", 0, 32, 8).align(32).zeros(64),
        24,
        "tensor 'a' needs 36 bytes, but after 32 tensor 'b' begins");
    for (int type : new int[] {0, 41}) {
      assertMalformed(
          GgufBytes.header(3, 2, 0)
              .tensor("a", type, 32, 8)
              .tensor("b", type, 32, 8)
              .align(32)
              .zeros(64),
          24,
          "but after 0 tensor 'b' begins");
    }
  }

  @Test
  void moreTensorsThanAnyModelHas() {
    assertMalformed(
        GgufBytes.header(3, TensorTable.MAX_TENSORS + 1, 0).zeros(24 << 18).zeros(24),
        8,
        "more than the 262144 allowed");
  }
}
