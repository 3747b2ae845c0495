package org.espalier.backend.offload.placement;

/** What becomes of experts that a device has no memory of its own for. */
public enum FarExperts {
  /** Whatever takes least time by {@link LinkCosts}. */
  AUTO,
  /** The device reads them in the host's memory, where they lie. */
  READ,
  /** A pass of many rows copies them into the device's memory first. */
  COPY,
  /** The CPU computes so many layers that the experts of the others are all near. */
  CPU
}
