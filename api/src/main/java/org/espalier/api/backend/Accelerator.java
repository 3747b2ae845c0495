package org.espalier.api.backend;

/** A processor beside the host's, with memory of its own, on which a backend computes. */
public interface Accelerator {

  /** As its driver calls it: {@code "NVIDIA H200"}. */
  String name();

  /**
   * How fast its memory reads and writes, measured now in some milliseconds: the limit of
   * generation. Not while a model runs on it.
   *
   * @return bytes per second, or 0 where too little memory is free to measure it
   */
  double memoryBandwidth();

  /**
   * How fast it gets what lies in page-locked memory of the host, measured now in some
   * milliseconds.
   *
   * @return bytes per second, or 0 where nobody knows
   */
  default double hostBandwidth() {
    return 0;
  }
}
