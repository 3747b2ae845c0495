package org.espalier.runtime.quantisation.tuning;

import java.util.Map;

/**
 * Numbers of a model that were tuned.
 *
 * @param values by what they are
 */
public record TunedValues(Map<Key, float[]> values) {
  /** Nothing was tuned. */
  public static final TunedValues NONE = new TunedValues(Map.of());

  /** Keeps what it was given. */
  public TunedValues {
    values = Map.copyOf(values);
  }

  /** What numbers can be. */
  public enum Kind {
    /** Weights of a norm. */
    NORM,
    /** Scales of the rotation of a linear's inputs. */
    INPUT_SIGNS,
    /** Scales of the rotation of its outputs. */
    OUTPUT_SIGNS,
    /** Weights of a router, experts × width. */
    ROUTER,
    /** Weights of the head, vocabulary × width. */
    HEAD
  }

  /**
   * Which numbers.
   *
   * @param stem what the names of their tensors begin with
   * @param expert 0 where there are no experts
   */
  public record Key(String stem, Kind kind, int expert) {}

  /** The tuned numbers, or those that were there before. */
  public float[] or(String stem, Kind kind, int expert, float[] before) {
    return values.getOrDefault(new Key(stem, kind, expert), before);
  }
}
