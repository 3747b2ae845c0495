package org.espalier.runtime.tokenizer;

import java.util.Collections;
import java.util.OptionalInt;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * Tokens with a part to play.
 *
 * @param beginning put before a text, where {@code addsBeginning}
 * @param end ends a text; put behind it where {@code addsEnd}
 * @param padding fills up batches
 * @param endings all that end generation
 */
record SpecialTokens(
    OptionalInt beginning,
    OptionalInt end,
    OptionalInt padding,
    boolean addsBeginning,
    boolean addsEnd,
    SortedSet<Integer> endings) {

  SpecialTokens {
    endings = Collections.unmodifiableSortedSet(new TreeSet<>(endings));
  }
}
