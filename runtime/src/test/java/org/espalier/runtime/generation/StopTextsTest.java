package org.espalier.runtime.generation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class StopTextsTest {
  @Test
  void showsEverythingWithoutStopTexts() {
    StopTexts stops = new StopTexts(List.of());
    assertEquals("abc", stops.accept("abc"));
    assertEquals("", stops.finish());
    assertFalse(stops.found());
  }

  @Test
  void holdsBackWhatMayBecomeAStopText() {
    StopTexts stops = new StopTexts(List.of("END"));
    assertEquals("ab", stops.accept("abE"));
    assertEquals("", stops.accept("N"));
    assertEquals("EN", stops.accept("EN"), "the second may still end the text");
    assertEquals("", stops.accept("D and more"));
    assertTrue(stops.found());
    assertEquals("", stops.accept("x"));
    assertEquals("", stops.finish());
  }

  @Test
  void givesBackWhatWasHeldInVain() {
    StopTexts stops = new StopTexts(List.of("aab"));
    assertEquals("x", stops.accept("xaa"));
    assertEquals("a", stops.accept("a"));
    assertEquals("aa", stops.finish());
    assertFalse(stops.found());
  }

  @Test
  void theFirstInTheTextWins() {
    StopTexts stops = new StopTexts(List.of("later", "soon"));
    assertEquals("a ", stops.accept("a soon later"));
    assertTrue(stops.found());
  }

  @Test
  void equalsASearchInTheWholeTextHoweverItIsCut() {
    for (int round = 0; round < 2000; round++) {
      Random random = new Random(round);
      String text = letters(random, random.nextInt(30));
      List<String> wanted =
          List.of(letters(random, 1 + random.nextInt(4)), letters(random, 1 + random.nextInt(4)));
      StopTexts stops = new StopTexts(wanted);
      StringBuilder shown = new StringBuilder();
      // One character at a time, the text that completes first is the one that stops.
      int fed = 0;
      while (fed < text.length() && !stops.found()) {
        shown.append(stops.accept(text.substring(fed, fed + 1)));
        fed++;
      }
      shown.append(stops.finish());
      String seen = text.substring(0, fed);
      int first = wanted.stream().mapToInt(seen::indexOf).filter(i -> i >= 0).min().orElse(-1);
      assertEquals(first >= 0, stops.found(), text + wanted);
      assertEquals(first >= 0 ? text.substring(0, first) : text, shown.toString(), text + wanted);
    }
  }

  private static String letters(Random random, int count) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      text.append((char) ('a' + random.nextInt(2)));
    }
    return text.toString();
  }
}
