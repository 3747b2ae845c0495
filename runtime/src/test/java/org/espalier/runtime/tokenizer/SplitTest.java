package org.espalier.runtime.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SplitTest {
  private static final Pattern GPT2 =
      Pattern.compile(
          "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
          Pattern.UNICODE_CHARACTER_CLASS);

  private static final List<Pattern> LLAMA_CPP =
      List.of(
          Pattern.compile("[\\p{IsP}\\$\\+<=>\\^~\\|]+"),
          GPT2,
          Pattern.compile("\\p{IsN}+"),
          Pattern.compile("[0-9][0-9][0-9]"));

  /** Matches and the gaps between them. */
  private static List<String> byExpression(Pattern pattern, String text) {
    List<String> pieces = new ArrayList<>();
    Matcher matcher = pattern.matcher(text);
    int end = 0;
    while (matcher.find()) {
      if (matcher.start() > end) {
        pieces.add(text.substring(end, matcher.start()));
      }
      pieces.add(matcher.group());
      end = matcher.end();
    }
    if (end < text.length()) {
      pieces.add(text.substring(end));
    }
    return pieces;
  }

  private static List<String> byScanner(PreTokenizer preTokenizer, String text) {
    return byScanner(preTokenizer, text, 0, text.length());
  }

  private static List<String> byScanner(
      PreTokenizer preTokenizer, String text, int start, int end) {
    List<String> pieces = new ArrayList<>();
    preTokenizer.split(
        text, start, end, (source, from, to) -> pieces.add(source.substring(from, to)));
    return pieces;
  }

  private static PreTokenizer gpt2() {
    return PreTokenizer.named("gpt-2").orElseThrow();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 5, 8, 20, 60})
  void scannerEqualsExpression(int bits) {
    RandomTexts texts = new RandomTexts(bits);
    for (int i = 0; i < 3000; i++) {
      String text = i % 3 == 0 ? texts.unicode(bits) : texts.plain(bits);
      assertEquals(byExpression(GPT2, text), byScanner(gpt2(), text), text);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 5, 8, 20, 60})
  void llamaCppStagesEqualExpressions(int bits) {
    RandomTexts texts = new RandomTexts(100 + bits);
    for (int i = 0; i < 2000; i++) {
      String text = texts.plain(bits);
      List<String> expected = List.of(text);
      for (Pattern pattern : LLAMA_CPP) {
        expected =
            expected.stream().flatMap(piece -> byExpression(pattern, piece).stream()).toList();
      }
      List<String> pieces = byScanner(PreTokenizer.llamaCppDefault(), text);
      assertEquals(text.isEmpty() ? List.of() : expected, pieces, text);
    }
  }

  /** What lies beyond the end, half a surrogate pair included, is as good as not there. */
  @Test
  void partOfATextIsSplitLikeATextOfItsOwn() {
    RandomTexts texts = new RandomTexts(5);
    for (int i = 0; i < 3000; i++) {
      String text = texts.plain(12);
      int start = texts.nextInt(text.length());
      int end = start + texts.nextInt(text.length() - start + 1);
      for (PreTokenizer preTokenizer : List.of(gpt2(), PreTokenizer.llamaCppDefault())) {
        assertEquals(
            byScanner(preTokenizer, text.substring(start, end)),
            byScanner(preTokenizer, text, start, end));
      }
    }
  }

  @Test
  void classesAreThoseOfTheExpression() {
    Matcher letter = Pattern.compile("\\p{L}").matcher("");
    Matcher number = Pattern.compile("\\p{N}").matcher("");
    Matcher space = Pattern.compile("\\s", Pattern.UNICODE_CHARACTER_CLASS).matcher("");
    for (int codePoint = 0; codePoint <= Character.MAX_CODE_POINT; codePoint++) {
      String text = Character.toString(codePoint);
      CharacterClass expected =
          letter.reset(text).matches()
              ? CharacterClass.LETTER
              : number.reset(text).matches()
                  ? CharacterClass.NUMBER
                  : space.reset(text).matches() ? CharacterClass.SPACE : CharacterClass.OTHER;
      assertEquals(expected, CharacterClass.of(codePoint), () -> "U+" + text.codePointAt(0));
    }
  }

  /** The cases on which expression engines disagree, as Oniguruma has them. */
  @ParameterizedTest
  @CsvSource({
    "0009,SPACE", "000B,SPACE", "001C,OTHER", "001F,OTHER", "0085,SPACE", "00A0,SPACE",
    "1680,SPACE", "180E,OTHER", "2007,SPACE", "200B,OTHER", "200D,OTHER", "2028,SPACE",
    "2029,SPACE", "202F,SPACE", "205F,SPACE", "2060,OTHER", "3000,SPACE", "FEFF,OTHER",
    "00B2,NUMBER", "00BD,NUMBER", "2167,NUMBER", "0663,NUMBER", "2460,NUMBER", "4E00,LETTER",
    "02B0,LETTER", "00AA,LETTER", "0301,OTHER", "0903,OTHER", "005F,OTHER", "1F642,OTHER",
    "1D518,LETTER", "D800,OTHER", "0378,OTHER"
  })
  void corners(String hex, CharacterClass expected) {
    assertEquals(expected, CharacterClass.of(Integer.parseInt(hex, 16)));
  }

  @ParameterizedTest
  @ValueSource(strings = {" ", "\n", "a", "1", ".", "'", "漢", "🙂", "ab ", " '"})
  void megabytesOfOneThing(String unit) {
    String text = unit.repeat(3_000_000 / unit.length()) + "x";
    for (PreTokenizer preTokenizer : List.of(gpt2(), PreTokenizer.llamaCppDefault())) {
      int length =
          assertTimeoutPreemptively(
              Duration.ofSeconds(20),
              () -> {
                int[] sum = {0};
                preTokenizer.split(
                    text, 0, text.length(), (source, start, end) -> sum[0] += end - start);
                return sum[0];
              });
      assertEquals(text.length(), length);
    }
  }
}
