package org.espalier.api.backend;

/**
 * Which experts deserve a device's own memory, where there is not enough for all. A backend with
 * memory of two kinds keeps the others where it can still read them (page-locked memory of the
 * host); a backend with one kind need not ask. It changes speed and never a result.
 */
@FunctionalInterface
public interface ExpertPlacement {

  /** Nobody has decided: the backend may choose by itself. */
  ExpertPlacement UNDECIDED = (_, _) -> true;

  /** Whether an expert is to be in the device's own memory. Always the same answer. */
  boolean isNear(int layer, int expert);
}
