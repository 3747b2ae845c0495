package org.espalier.api.backend;

import java.util.List;

/**
 * Which experts deserve a device's own memory, where there is not enough for all. A backend with
 * memory of two kinds keeps the others where it can still read them (page-locked memory of the
 * host); a backend with one kind need not ask. It changes speed and never a result.
 */
@FunctionalInterface
public interface ExpertPlacement {

  /** Nobody has decided: the backend may choose by itself. */
  ExpertPlacement UNDECIDED = (_, _) -> true;

  /** Whether an expert is to be in the device's own memory when a plan has been compiled. */
  boolean isNear(int layer, int expert);

  /**
   * Whether a pass had better copy all experts of a layer that are not near into the device's
   * memory first than read them in place.
   *
   * @param reads how often, on average, each of them would be read in place: a pass of many rows
   *     reads an expert more than once, a pass of few only those that it uses
   */
  default boolean isCopied(double reads) {
    return false;
  }

  /** Whether it wants to know which experts are used. Always the same answer. */
  default boolean learns() {
    return false;
  }

  /**
   * Which experts of a layer a pass has used. Told when it is known, which may be after the pass.
   *
   * @param rows that each expert had; to be read during the call only
   * @param moved bytes that had to be brought from where they were not near
   */
  default void used(int layer, int[] rows, long moved) {}

  /**
   * What is to change before the next pass, in this order; asked once between passes. Who has asked
   * makes the exchanges, unless two experts take unequal room.
   */
  default List<Exchange> exchanges() {
    return List.of();
  }

  /**
   * Two experts of a layer change places.
   *
   * @param arriving comes into the device's own memory
   * @param leaving makes room
   */
  record Exchange(int layer, int arriving, int leaving) {}
}
