package org.espalier.api.backend;

import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.Stage;

/**
 * Sees activations as they pass: for calibration, routing statistics and tests. Calls come from the
 * thread that runs the forward pass, in a fixed order (sites of a layer in the order of
 * computation, experts by index, rows by position), so that what is accumulated is deterministic.
 */
public interface Observer {

  /** Sees nothing. */
  Observer NONE =
      new Observer() {
        @Override
        public boolean wants(ActivationSite site) {
          return false;
        }

        @Override
        public boolean wantsRouting() {
          return false;
        }
      };

  /** Whether rows of a site are wanted; asked often, must be fast and stable. */
  boolean wants(ActivationSite site);

  /** Whether routing decisions are wanted. */
  boolean wantsRouting();

  /** Whether it is wanted how long stages take; asked once per pass. */
  default boolean wantsTimes() {
    return false;
  }

  /**
   * Rows that enter the linears of a site.
   *
   * @param values the rows; to be read during the call only
   * @param offset of the first value
   * @param count rows
   * @param width values per row
   * @param gates for expert sites the router's weight of each row; elsewhere empty
   */
  default void rows(
      ActivationSite site, float[] values, int offset, int count, int width, float[] gates) {}

  /**
   * One token's routing in a layer.
   *
   * @param row of the forward pass, counted through all of its steps
   * @param experts chosen, by descending weight; to be read during the call only
   * @param weights of the chosen
   */
  default void routed(int layer, int row, int[] experts, float[] weights) {}

  /**
   * A stage has run; backends that cannot tell stages apart say nothing.
   *
   * @param rows that went through it
   * @param nanos that it took
   */
  default void ran(Stage stage, int rows, long nanos) {}
}
