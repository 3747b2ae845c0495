package org.espalier.runtime.quantisation.tuning;

/**
 * How to tune. Rates are the largest step of a number, as a share of the root mean square of those
 * that it belongs to.
 *
 * @param passes over the text
 * @param batch sequences of a step
 * @param warmUp steps until the rates are reached
 * @param norms rate of the norms
 * @param signs rate of the scales that the rotations' signs are
 * @param routers rate of the routers
 * @param head rate of the head; 0 leaves it as it is
 * @param seed of the order of the sequences
 */
public record TuningOptions(
    int passes,
    int batch,
    int warmUp,
    double norms,
    double signs,
    double routers,
    double head,
    long seed) {

  /** The same with another number of passes. */
  public TuningOptions withPasses(int count) {
    return new TuningOptions(count, batch, warmUp, norms, signs, routers, head, seed);
  }
}
