package org.espalier.backend.offload.placement;

import org.espalier.api.Offer;

/**
 * How the host's memory is divided. Everything but experts is there all the time; what is left is
 * for experts.
 *
 * @param limit bytes that there are
 * @param runtime for the Java machine itself: its heap's overhead, compiled code, stacks
 * @param resident weights that stay: attention, routers, signs, a copy of the head
 * @param cache keys and values of one session
 * @param scratch activations
 * @param placeBytes of one expert
 * @param used experts that one token needs at a time in a layer
 * @param experts that there are in all
 * @param most experts that the user wants to have a place, however much memory there is
 * @param contextLength that {@code cache} is for
 */
public record HostBudget(
    long limit,
    long runtime,
    long resident,
    long cache,
    long scratch,
    long placeBytes,
    int used,
    int experts,
    int most,
    int contextLength) {

  /** Bytes without any expert. */
  public long fixed() {
    return runtime + resident + cache + scratch;
  }

  /** The smallest limit that works: the experts of one layer for one token. */
  public long smallest() {
    return fixed() + used * placeBytes;
  }

  /**
   * Experts that get a place: those that fit, at most all; declined with numbers where not even one
   * layer's do.
   */
  public Offer<Integer> places() {
    if (limit < smallest()) {
      return Offer.declined(
          ("%s of memory are too few: with a context of %d it takes %s (%s for the Java machine, %s"
                  + " for what is always needed of the model, %s for keys and values, %s for"
                  + " activations, %s for the %d experts of one layer); give --host-memory %dM or"
                  + " more, or a smaller -c or -ub")
              .formatted(
                  MemorySize.mebibytes(limit),
                  contextLength,
                  MemorySize.mebibytes(smallest()),
                  MemorySize.mebibytes(runtime),
                  MemorySize.mebibytes(resident),
                  MemorySize.mebibytes(cache),
                  MemorySize.mebibytes(scratch),
                  MemorySize.mebibytes(used * placeBytes),
                  used,
                  (smallest() + (1 << 20) - 1) >> 20));
    }
    int wanted = Math.clamp(most, used, Math.max(used, experts));
    return Offer.accepted((int) Math.min(wanted, (limit - fixed()) / placeBytes));
  }
}
