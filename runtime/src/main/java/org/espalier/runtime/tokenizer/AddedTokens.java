package org.espalier.runtime.tokenizer;

import java.util.BitSet;
import java.util.Map;
import org.espalier.api.EspalierException.MalformedModel;

/**
 * Tokens whose text is cut out of a text before anything else: the leftmost match first, and of
 * several at one place the longest. Immutable.
 */
final class AddedTokens {
  /** Bounds the work per character of text. */
  static final int LONGEST = 512;

  private static final int NONE = -1;

  /** In order, so that those which begin alike stand together, the shortest first. */
  private final String[] texts;

  private final int[] ids;
  private final BitSet firsts = new BitSet();

  /**
   * Sorts the tokens: a tree of their characters would take a hundred times their size.
   *
   * @param idsByText an empty text is never found
   * @throws MalformedModel when a text is longer than {@link #LONGEST}
   */
  AddedTokens(Map<String, Integer> idsByText) {
    this.texts =
        idsByText.keySet().stream().filter(text -> !text.isEmpty()).sorted().toArray(String[]::new);
    this.ids = new int[texts.length];
    for (int i = 0; i < texts.length; i++) {
      ids[i] = idsByText.get(texts[i]);
      firsts.set(texts[i].charAt(0));
      if (texts[i].length() > LONGEST) {
        throw new MalformedModel(
            "tokenizer.ggml.tokens[%d] is an added token of %d characters; at most %d are possible"
                .formatted(ids[i], texts[i].length(), LONGEST));
      }
    }
  }

  /** Receives the text between added tokens. */
  @FunctionalInterface
  interface GapSink {
    /** Takes the text from {@code start} to before {@code end}; it is never empty. */
    void accept(int start, int end);
  }

  /** Hands the gaps and the ids over in the order of the text. */
  void cut(String text, TokenIds tokens, GapSink gaps) {
    int gapStart = 0;
    for (int i = 0; i < text.length(); ) {
      int match = firsts.get(text.charAt(i)) ? longest(text, i) : NONE;
      if (match == NONE) {
        i++;
        continue;
      }
      if (i > gapStart) {
        gaps.accept(gapStart, i);
      }
      tokens.add(ids[match]);
      i += texts[match].length();
      gapStart = i;
    }
    if (gapStart < text.length()) {
      gaps.accept(gapStart, text.length());
    }
  }

  /** The index of the longest token that stands at a place of a text, or {@link #NONE}. */
  private int longest(String text, int start) {
    int best = NONE;
    int from = 0;
    int to = texts.length;
    for (int depth = 0; from < to && start + depth < text.length(); depth++) {
      char next = text.charAt(start + depth);
      from = bound(from, to, depth, next);
      to = bound(from, to, depth, next + 1);
      if (from < to && texts[from].length() == depth + 1) {
        best = from;
      }
    }
    return best;
  }

  /** The first of some tokens that agree so far whose next character is at least that. */
  private int bound(int from, int to, int depth, int character) {
    int low = from;
    int high = to;
    while (low < high) {
      int middle = (low + high) >>> 1;
      String text = texts[middle];
      if (text.length() > depth && text.charAt(depth) >= character) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
}
