package org.espalier.runtime.tokenizer;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.espalier.api.EspalierException.MalformedModel;
import org.jspecify.annotations.Nullable;

/**
 * Tokens whose text is cut out of a text before anything else: the leftmost match first, and of
 * several at one place the longest. Immutable.
 */
final class AddedTokens {
  /** Bounds the work per character of text, and the depth of the tree. */
  static final int LONGEST = 512;

  private final Node root;

  /**
   * Builds the search tree.
   *
   * @param ids by text; an empty text is never found
   * @throws MalformedModel when a text is longer than {@link #LONGEST}
   */
  AddedTokens(Map<String, Integer> ids) {
    Growing growing = new Growing();
    ids.forEach((text, id) -> {
      if (text.length() > LONGEST) {
        throw new MalformedModel(
            "tokenizer.ggml.tokens[%d] is an added token of %d characters; at most %d are possible"
                .formatted(id, text.length(), LONGEST));
      }
      growing.put(text, id);
    });
    this.root = growing.freeze(0);
  }

  /** Receives the text between added tokens. */
  @FunctionalInterface
  interface GapSink {
    /** Takes the text from {@code start} to before {@code end}; it is never empty. */
    void accept(int start, int end);
  }

  /** Hands the gaps and the ids over in the order of the text. */
  void cut(String text, TokenIds ids, GapSink gaps) {
    int gapStart = 0;
    for (int i = 0; i < text.length(); ) {
      Node first = root.child(text.charAt(i));
      Node match = first == null ? null : longest(first, text, i + 1);
      if (match == null) {
        i++;
        continue;
      }
      if (i > gapStart) {
        gaps.accept(gapStart, i);
      }
      ids.add(match.id);
      i += match.length;
      gapStart = i;
    }
    if (gapStart < text.length()) {
      gaps.accept(gapStart, text.length());
    }
  }

  private static @Nullable Node longest(Node first, String text, int from) {
    Node best = null;
    int i = from;
    for (Node node = first; node != null; ) {
      if (node.id != TokenNames.ABSENT) {
        best = node;
      }
      node = i < text.length() ? node.child(text.charAt(i++)) : null;
    }
    return best;
  }

  /** A place in the search tree: the text from the root to here may be a token. */
  private static final class Node {
    private final char[] characters;
    private final Node[] children;
    private final int id;
    private final int length;

    Node(char[] characters, Node[] children, int id, int length) {
      this.characters = characters;
      this.children = children;
      this.id = id;
      this.length = length;
    }

    @Nullable Node child(char character) {
      int index = Arrays.binarySearch(characters, character);
      return index < 0 ? null : children[index];
    }
  }

  /** A node while the tree is built. */
  private static final class Growing {
    private final TreeMap<Character, Growing> children = new TreeMap<>();
    private int id = TokenNames.ABSENT;

    void put(String text, int token) {
      Growing node = this;
      for (int i = 0; i < text.length(); i++) {
        node = node.children.computeIfAbsent(text.charAt(i), c -> new Growing());
      }
      node.id = token;
    }

    /** As deep as the longest token, which is bounded. */
    Node freeze(int depth) {
      char[] characters = new char[children.size()];
      Node[] frozen = new Node[children.size()];
      int index = 0;
      for (Map.Entry<Character, Growing> entry : children.entrySet()) {
        characters[index] = entry.getKey();
        frozen[index++] = entry.getValue().freeze(depth + 1);
      }
      return new Node(characters, frozen, id, depth);
    }
  }
}
