package org.espalier.runtime.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.MalformedModel;
import org.junit.jupiter.api.Test;

class AddedTokensTest {

  private static List<String> cut(Map<String, Integer> tokens, String text) {
    List<String> parts = new ArrayList<>();
    TokenIds ids = new TokenIds();
    new AddedTokens(tokens).cut(text, ids, (start, end) -> parts.add(text.substring(start, end)));
    for (int id : ids.toArray()) {
      parts.add("#" + id);
    }
    return parts;
  }

  private static List<String> naive(Map<String, Integer> tokens, String text) {
    List<String> gaps = new ArrayList<>();
    List<String> found = new ArrayList<>();
    StringBuilder gap = new StringBuilder();
    for (int i = 0; i < text.length(); ) {
      int at = i;
      String match =
          tokens.keySet().stream()
              .filter(token -> !token.isEmpty() && text.startsWith(token, at))
              .max(Comparator.comparingInt(String::length))
              .orElse("");
      if (match.isEmpty()) {
        gap.append(text.charAt(i++));
        continue;
      }
      if (!gap.isEmpty()) {
        gaps.add(gap.toString());
        gap.setLength(0);
      }
      found.add("#" + tokens.get(match));
      i += match.length();
    }
    if (!gap.isEmpty()) {
      gaps.add(gap.toString());
    }
    gaps.addAll(found);
    return gaps;
  }

  @Test
  void leftmostThenLongest() {
    RandomTexts random = new RandomTexts(1);
    for (int round = 0; round < 3000; round++) {
      Map<String, Integer> tokens = new HashMap<>();
      for (int id = 0; id < random.nextInt(6); id++) {
        tokens.put(letters(random, random.nextInt(5)), id);
      }
      String text = letters(random, random.nextInt(20));
      assertEquals(naive(tokens, text), cut(tokens, text), () -> text + " by " + tokens);
    }
  }

  private static String letters(RandomTexts random, int count) {
    StringBuilder letters = new StringBuilder();
    for (int i = 0; i < count; i++) {
      letters.append("ab ".charAt(random.nextInt(3)));
    }
    return letters.toString();
  }

  @Test
  void aTokenOfAbsurdLengthIsRefused() {
    String longest = "x".repeat(AddedTokens.LONGEST);
    assertEquals(List.of("x", "#7"), cut(Map.of(longest, 7), longest + "x"));
    assertThrows(MalformedModel.class, () -> new AddedTokens(Map.of(longest + "x", 7)));
  }
}
