package org.espalier.runtime.tokenizer;

import java.util.List;
import java.util.function.IntPredicate;

/**
 * The expressions that llama.cpp applies one after another, each within the pieces of the one
 * before, when a file does not name its pre-tokenizer:
 *
 * <pre>{@code
 * [\p{P}\$\+<=>\^~\|]+
 * the expression of GPT-2
 * \p{N}+
 * [0-9][0-9][0-9]
 * }</pre>
 *
 * What an expression does not match stays together.
 */
final class LlamaCppDefaultSplit {
  private LlamaCppDefaultSplit() {}

  static List<Split> stages() {
    return List.of(
        runsOf(LlamaCppDefaultSplit::isSign),
        new Gpt2Split(),
        runsOf(codePoint -> CharacterClass.of(codePoint) == CharacterClass.NUMBER),
        LlamaCppDefaultSplit::threeDigitsEnd);
  }

  private static boolean isSign(int codePoint) {
    return CharacterClass.isPunctuation(codePoint)
        || codePoint < 0x80 && "$+<=>^~|".indexOf(codePoint) >= 0;
  }

  /** Longest runs of members, and longest runs of others. */
  private static Split runsOf(IntPredicate member) {
    return (text, start, limit) -> {
      int codePoint = Gpt2Split.codePointAt(text, start, limit);
      boolean wanted = member.test(codePoint);
      int end = start + Character.charCount(codePoint);
      while (end < limit) {
        codePoint = Gpt2Split.codePointAt(text, end, limit);
        if (member.test(codePoint) != wanted) {
          break;
        }
        end += Character.charCount(codePoint);
      }
      return end;
    };
  }

  private static int threeDigitsEnd(String text, int start, int limit) {
    int digits = 0;
    for (int i = start; i < limit; i++) {
      char c = text.charAt(i);
      digits = c >= '0' && c <= '9' ? digits + 1 : 0;
      if (digits == 3) {
        return i == start + 2 ? start + 3 : i - 2;
      }
    }
    return limit;
  }
}
