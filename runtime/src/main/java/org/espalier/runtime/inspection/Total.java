package org.espalier.runtime.inspection;

/**
 * What many tensors or operators take together.
 *
 * @param name of the type or codec that they have in common
 * @param count how many there are
 * @param elements numbers that they stand for
 * @param bytes of the file
 */
public record Total(String name, int count, long elements, long bytes) {

  /** How much of the file one element takes. */
  public double bitsPerElement() {
    return 8.0 * bytes / elements;
  }

  Total plus(long moreElements, long moreBytes) {
    return new Total(name, count + 1, elements + moreElements, bytes + moreBytes);
  }
}
