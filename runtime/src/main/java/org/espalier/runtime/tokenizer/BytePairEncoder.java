package org.espalier.runtime.tokenizer;

import java.util.Arrays;
import org.espalier.api.EspalierException.MalformedModel;

/**
 * Turns one piece of text into tokens: its UTF-8 bytes become tokens, and the pair with the lowest
 * rank, the leftmost of them first, is joined until no pair has a rank. Immutable.
 */
final class BytePairEncoder {
  /** Up to here, looking at all pairs is faster than keeping them sorted. */
  static final int SHORT = 40;

  private static final int MOST_PROBES = 64;
  private static final int FULL = -1;

  private final Vocabulary vocabulary;
  private final Merges merges;

  /** Tokens that merges make of their own bytes, by hash of the bytes. */
  private final int[] wholePieces;

  private final int longestWholePiece;

  BytePairEncoder(Vocabulary vocabulary, Merges merges) {
    this.vocabulary = vocabulary;
    this.merges = merges;
    this.wholePieces = new int[Math.max(2, Integer.highestOneBit(vocabulary.size()) << 2)];
    this.longestWholePiece = collectWholePieces();
  }

  private int collectWholePieces() {
    Arrays.fill(wholePieces, TokenNames.ABSENT);
    Scratch scratch = new Scratch();
    int longest = 0;
    for (int id = 0; id < vocabulary.size(); id++) {
      byte[] bytes = vocabulary.bytes(id);
      if (vocabulary.kind(id) == TokenKind.NORMAL && isMadeOf(id, bytes, scratch)) {
        int slot = slot(bytes, bytes.length);
        if (slot != FULL) { // or else it is joined from its bytes every time
          wholePieces[slot] = id;
          longest = Math.max(longest, bytes.length);
        }
      }
    }
    return longest;
  }

  private boolean isMadeOf(int id, byte[] bytes, Scratch scratch) {
    scratch.reserve(bytes.length);
    for (int i = 0; i < bytes.length; i++) {
      scratch.ids[i] = vocabulary.idOfByte(bytes[i]);
      if (scratch.ids[i] == TokenNames.ABSENT) {
        return false;
      }
    }
    return merge(bytes.length, scratch) == 1 && scratch.ids[0] == id;
  }

  /** Appends the tokens of {@code text[start, end)}. */
  void encode(String text, int start, int end, Scratch scratch, TokenIds tokens) {
    scratch.reserve(Math.multiplyExact(3, end - start));
    int length = utf8(text, start, end, scratch.bytes);
    if (length <= longestWholePiece) {
      int slot = slot(scratch.bytes, length);
      if (slot != FULL && wholePieces[slot] != TokenNames.ABSENT) {
        tokens.add(wholePieces[slot]);
        return;
      }
    }
    for (int i = 0; i < length; i++) {
      scratch.ids[i] = tokenOfByte(scratch.bytes[i]);
    }
    int count = merge(length, scratch);
    for (int i = 0; i < count; i++) {
      tokens.add(scratch.ids[i]);
    }
  }

  private int tokenOfByte(byte value) {
    int id = vocabulary.idOfByte(value);
    if (id == TokenNames.ABSENT) {
      throw new MalformedModel(
          "tokenizer.ggml.tokens has no token for the byte 0x%02X, which this text needs"
              .formatted(value & 0xFF));
    }
    return id;
  }

  /**
   * Where the bytes are in the table of whole pieces, or where they would go; {@link #FULL} where
   * that is too far from their hash, as with tokens that were made to have equal hashes.
   */
  private int slot(byte[] bytes, int length) {
    int hash = 0;
    for (int i = 0; i < length; i++) {
      hash = 31 * hash + bytes[i];
    }
    hash *= 0x9E3779B9;
    int mask = wholePieces.length - 1;
    int slot = (hash ^ hash >>> 15) & mask;
    for (int probe = 0; probe < MOST_PROBES; probe++) {
      int id = wholePieces[slot];
      if (id == TokenNames.ABSENT || vocabulary.stands(id, bytes, length)) {
        return slot;
      }
      slot = slot + 1 & mask;
    }
    return FULL;
  }

  /** Joins the first {@code count} ids of the scratch in place and returns how many are left. */
  private int merge(int count, Scratch scratch) {
    return count <= SHORT
        ? mergeShort(merges, count, scratch.ids, scratch.ranks)
        : new LongMerge(merges, scratch.ids, count).run();
  }

  private static int mergeShort(Merges merges, int count, int[] ids, int[] ranks) {
    int pairs = count - 1;
    for (int i = 0; i < pairs; i++) {
      ranks[i] = merges.rank(ids[i], ids[i + 1]);
    }
    while (pairs > 0) {
      int best = 0;
      for (int i = 1; i < pairs; i++) {
        if (ranks[i] < ranks[best]) {
          best = i;
        }
      }
      if (ranks[best] == Merges.NONE) {
        break;
      }
      ids[best] = merges.joined(ranks[best]);
      System.arraycopy(ids, best + 2, ids, best + 1, pairs - best - 1);
      pairs--;
      if (best < pairs) {
        System.arraycopy(ranks, best + 1, ranks, best, pairs - best);
        ranks[best] = merges.rank(ids[best], ids[best + 1]);
      }
      if (best > 0) {
        ranks[best - 1] = merges.rank(ids[best - 1], ids[best]);
      }
    }
    return pairs + 1;
  }

  /** Writes UTF-8; an unpaired surrogate becomes U+FFFD. */
  private static int utf8(String text, int start, int end, byte[] bytes) {
    int length = 0;
    for (int i = start; i < end; i++) {
      int c = text.charAt(i);
      if (c < 0x80) {
        bytes[length++] = (byte) c;
        continue;
      }
      if (Character.isSurrogate((char) c)) {
        c = Gpt2Split.codePointAt(text, i, end);
        if (c > 0xFFFF) {
          i++;
        } else {
          c = 0xFFFD;
        }
      }
      length = utf8(c, bytes, length);
    }
    return length;
  }

  private static int utf8(int codePoint, byte[] bytes, int at) {
    int length = at;
    if (codePoint < 0x800) {
      bytes[length++] = (byte) (0xC0 | codePoint >> 6);
    } else {
      if (codePoint < 0x10000) {
        bytes[length++] = (byte) (0xE0 | codePoint >> 12);
      } else {
        bytes[length++] = (byte) (0xF0 | codePoint >> 18);
        bytes[length++] = (byte) (0x80 | codePoint >> 12 & 0x3F);
      }
      bytes[length++] = (byte) (0x80 | codePoint >> 6 & 0x3F);
    }
    bytes[length++] = (byte) (0x80 | codePoint & 0x3F);
    return length;
  }

  /** Space to work in, for one thread. */
  static final class Scratch {
    private byte[] bytes = new byte[256];
    private int[] ids = new int[256];
    private final int[] ranks = new int[SHORT];

    private void reserve(int length) {
      if (length > bytes.length) {
        int size = Math.max(length, (int) Math.min(2L * bytes.length, Integer.MAX_VALUE - 8));
        bytes = new byte[size];
        ids = new int[size];
      }
    }
  }
}
