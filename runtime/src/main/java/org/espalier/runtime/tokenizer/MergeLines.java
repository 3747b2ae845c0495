package org.espalier.runtime.tokenizer;

import java.util.BitSet;
import java.util.List;
import org.espalier.api.EspalierException.MalformedModel;

/** The merges as a file spells them, {@code "left right"} by rank, resolved to ids. */
final class MergeLines {
  private final TokenNames names;
  private final int[] left;
  private final int[] right;
  private final int[] joined;

  /**
   * Resolves the lines.
   *
   * @throws MalformedModel when a line is not two tokens whose concatenation is a token
   */
  MergeLines(TokenNames names, List<String> lines) {
    this.names = names;
    this.left = new int[lines.size()];
    this.right = new int[lines.size()];
    this.joined = new int[lines.size()];
    for (int rank = 0; rank < left.length; rank++) {
      String line = lines.get(rank);
      int space = line.indexOf(' ');
      if (space <= 0 || space == line.length() - 1 || line.indexOf(' ', space + 1) >= 0) {
        throw new MalformedModel(
            "tokenizer.ggml.merges[%d] should be two tokens with a space between them but is '%s'"
                .formatted(rank, shown(line)));
      }
      String first = line.substring(0, space);
      String second = line.substring(space + 1);
      left[rank] = id(first, rank);
      right[rank] = id(second, rank);
      joined[rank] = id(first + second, rank);
    }
  }

  private int id(String name, int rank) {
    int id = names.id(name);
    if (id == TokenNames.ABSENT) {
      throw new MalformedModel(
          "tokenizer.ggml.merges[%d] needs the token '%s', which tokenizer.ggml.tokens lacks"
              .formatted(rank, shown(name)));
    }
    return id;
  }

  private static String shown(String text) {
    return text.length() <= 60 ? text : text.substring(0, 60) + "…";
  }

  /** The table; {@code lastCounts} decides which of two equal lines gives the rank. */
  Merges table(boolean lastCounts) {
    return new Merges(left, right, joined, lastCounts);
  }

  /** The tokens that text can become without being added tokens: bytes and results of merges. */
  BitSet made() {
    BitSet made = new BitSet(names.size());
    ByteAlphabet alphabet = new ByteAlphabet();
    for (int value = 0; value < 256; value++) {
      int id = names.id(String.valueOf(alphabet.character(value)));
      if (id != TokenNames.ABSENT) {
        made.set(id);
      }
    }
    for (int id : joined) {
      made.set(id);
    }
    return made;
  }
}
