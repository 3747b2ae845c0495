package org.espalier.runtime.tokenizer;

import java.util.List;
import java.util.Random;

/** Texts that meet the corners of splitting and normalising far more often than prose does. */
final class RandomTexts {
  private static final List<String> BITS =
      List.of(
          " ",
          " ",
          " ",
          "  ",
          "   ",
          "\n",
          "\t",
          "\r",
          "\u000b",
          "\u001c",
          "\u0085",
          "\u00a0",
          "\u1680",
          "\u180e",
          "\u2003",
          "\u200b",
          "\u2028",
          "\u202f",
          "\u205f",
          "\u2060",
          "\u3000",
          "\ufeff",
          "'",
          "'s",
          "'t",
          "'re",
          "'ve",
          "'m",
          "'ll",
          "'d",
          "'S",
          "'l",
          "'r",
          "a",
          "B",
          "z",
          "é",
          "the",
          "king",
          " and",
          "1",
          "12",
          "345",
          "6789",
          "²",
          "½",
          "Ⅷ",
          "٣",
          ".",
          ",",
          "<",
          ">",
          "|",
          "$",
          "+",
          "^",
          "~",
          "`",
          "=",
          "_",
          "-",
          "e\u0301",
          "\u0301",
          "\u0316",
          "\u0344",
          "\u1e9b\u0323",
          "가",
          "\u1100\u1161\u11a8",
          "漢",
          "か\u3099",
          "🙂",
          "𝔘",
          "\u200d",
          "\u212b",
          "ﬁ");

  private static final List<String> SPECIAL =
      List.of(
          "<|endoftext|>",
          "<|padding|>",
          "|||IP_ADDRESS|||",
          "|||",
          "<|",
          "|>",
          "\u0338",
          "|||EMAIL_ADDRESS|||");

  private final Random random;

  RandomTexts(long seed) {
    this.random = new Random(seed);
  }

  /** Without the text of added tokens, but with runs of spaces. */
  String plain(int bits) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < bits; i++) {
      text.append(BITS.get(random.nextInt(BITS.size())));
    }
    return text.toString();
  }

  String withSpecial(int bits) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < bits; i++) {
      List<String> from = random.nextInt(4) == 0 ? SPECIAL : BITS;
      text.append(from.get(random.nextInt(from.size())));
    }
    return text.toString();
  }

  /** Any code points but surrogates. */
  String unicode(int codePoints) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < codePoints; ) {
      int bound = new int[] {0x80, 0x800, 0x10000, 0x110000}[random.nextInt(4)];
      int codePoint = random.nextInt(bound);
      if (codePoint < Character.MIN_SURROGATE || codePoint > Character.MAX_SURROGATE) {
        text.appendCodePoint(codePoint);
        i++;
      }
    }
    return text.toString();
  }

  int nextInt(int bound) {
    return random.nextInt(bound);
  }
}
