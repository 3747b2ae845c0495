package org.espalier.api.backend;

/**
 * Lends the weights of experts that are not all in memory at once. Who composes backends gives one
 * in {@link CompileOptions#experts()} to a backend that {@linkplain Backend#borrowsExperts() can
 * borrow}.
 *
 * <p>In a layer whose experts are lent, the banks {@code gate}, {@code up} and {@code down} of the
 * plan have places instead of experts: index i is not expert i but whichever expert lies in place i
 * at the time, and there may be fewer or more places than experts. Everything else (routing,
 * observers, the order of sums) goes by the number of the expert, as ever.
 */
public interface ExpertStore {

  /** Lends nothing: experts are where the plan has them, as long as the plan lives. */
  ExpertStore NONE =
      new ExpertStore() {
        @Override
        public boolean lends(int layer) {
          return false;
        }

        @Override
        public Loan borrow(int layer, int[] experts, int count, Rows rows) {
          throw new IllegalStateException("no experts are lent in layer " + layer);
        }
      };

  /** Whether the banks of a layer have places instead of experts. Always the same answer. */
  boolean lends(int layer);

  /**
   * Asks for experts, as soon as routing is known and before any of their weights are touched.
   * Called by one thread at a time, with one loan at a time.
   *
   * @param experts which, ascending; to be read during the call only
   * @param count how many of them count
   * @param rows that enter the layer's experts, before any norm: what later layers will need can be
   *     guessed from them; to be read during the call only
   */
  Loan borrow(int layer, int[] experts, int count, Rows rows);

  /** Experts on their way. Closing it gives all of them back, whether or not they have come. */
  interface Loan extends AutoCloseable {

    /**
     * Gives back what it gave last, waits until at least one further expert has come, and gives all
     * that have. Every expert is given once, in the order in which they come.
     *
     * @param arrived receives which, as indices into what was asked for, ascending
     * @param places receives the place of each
     * @return how many; 0 when all have been given
     * @throws org.espalier.api.EspalierException when one cannot be had
     */
    int await(int[] arrived, int[] places);

    /** Bytes that were brought for this loan so far, ahead of it or since, for those who record. */
    default long moved() {
      return 0;
    }

    @Override
    void close();
  }
}
