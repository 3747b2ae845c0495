package org.espalier.arch.olmoe;

import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.format.Metadata;

/**
 * The keys of a configuration, with their values checked one by one.
 *
 * @param prefix of every key
 */
record ConfigKeys(Metadata metadata, String prefix) {

  /** Whether the key is there. */
  boolean has(String name) {
    return metadata.has(prefix + name);
  }

  /** A count, from 1. */
  int count(String name) {
    String key = prefix + name;
    long value = metadata.whole(key).orElseThrow(() -> missing(key));
    if (value < 1 || value > Integer.MAX_VALUE) {
      throw new MalformedModel(
          "metadata key '%s' is %d, but must be from 1 to %d"
              .formatted(key, value, Integer.MAX_VALUE));
    }
    return (int) value;
  }

  /** A count, from 1. */
  int count(String name, int otherwise) {
    return has(name) ? count(name) : otherwise;
  }

  /** A number which as a float is still positive and finite. */
  float positive(String name) {
    String key = prefix + name;
    double value = metadata.number(key).orElseThrow(() -> missing(key));
    float rounded = (float) value;
    if (!(rounded > 0 && rounded <= Float.MAX_VALUE)) {
      throw new MalformedModel(
          "metadata key '%s' is %s, but must be a positive number".formatted(key, value));
    }
    return rounded;
  }

  /** A number which as a float is still positive and finite. */
  float positive(String name, double otherwise) {
    return has(name) ? positive(name) : (float) otherwise;
  }

  /** Whether the key is there with a number that is not 0. */
  boolean isNonzero(String name) {
    return metadata.number(prefix + name).orElse(0) != 0;
  }

  /** True or false. */
  boolean flag(String name, boolean otherwise) {
    return metadata.flag(prefix + name).orElse(otherwise);
  }

  private static MalformedModel missing(String key) {
    return new MalformedModel("the file's metadata lack the key '%s'".formatted(key));
  }
}
