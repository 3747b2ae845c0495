package org.espalier.runtime.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.text.Normalizer;
import java.time.Duration;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ComposedFormTest {
  private static final int[] MARKS =
      IntStream.rangeClosed(0, Character.MAX_CODE_POINT)
          .filter(codePoint -> isMark(Character.getType(codePoint)))
          .toArray();

  private static boolean isMark(int type) {
    return type == Character.NON_SPACING_MARK
        || type == Character.COMBINING_SPACING_MARK
        || type == Character.ENCLOSING_MARK;
  }

  private static String marks(RandomTexts random, int count, int different) {
    StringBuilder marks = new StringBuilder();
    int first = random.nextInt(MARKS.length);
    for (int i = 0; i < count; i++) {
      marks.appendCodePoint(MARKS[(first + random.nextInt(different)) % MARKS.length]);
    }
    return marks.toString();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 63, 64, 65, 66, 100, 300})
  void longRunsEqualTheJdk(int count) {
    RandomTexts random = new RandomTexts(count);
    for (int i = 0; i < 300; i++) {
      String text =
          "\u1ec7"
              + marks(random, count, i % 2 == 0 ? 12 : MARKS.length)
              + "x\u0301 é"
              + marks(random, count, 3);
      assertEquals(Normalizer.normalize(text, Normalizer.Form.NFC), ComposedForm.of(text), text);
    }
  }

  @Test
  void composedTextIsNotCopied() {
    String text = "naïve café 漢字";
    assertSame(text, ComposedForm.of(text));
  }

  @Test
  void aMillionMarksAreNoTrap() {
    String text = "e" + "\u0301\u0316".repeat(500_000);
    String expected = "é" + "\u0316".repeat(500_000) + "\u0301".repeat(499_999);
    String composed =
        assertTimeoutPreemptively(Duration.ofSeconds(20), () -> ComposedForm.of(text));
    assertEquals(Normalizer.normalize("e\u0316\u0301", Normalizer.Form.NFC), "é\u0316");
    assertEquals(expected, composed);
  }
}
