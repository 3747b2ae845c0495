package org.espalier.runtime.quantisation.tuning;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** All numbers that can be tuned, one group after another, in one array. */
final class Parameters {
  private final List<Group> groups = new ArrayList<>();
  private float[] values = new float[0];

  /**
   * Numbers that belong together.
   *
   * @param offset of the first in the array
   */
  record Group(TunedValues.Key key, int offset, int length) {}

  /** Appends a group and gives its offset. */
  int add(TunedValues.Key key, float[] initial) {
    int offset = values.length;
    groups.add(new Group(key, offset, initial.length));
    values = Arrays.copyOf(values, Math.addExact(offset, initial.length));
    System.arraycopy(initial, 0, values, offset, initial.length);
    return offset;
  }

  /** The groups, in order. */
  List<Group> groups() {
    return groups;
  }

  /** The numbers themselves, to be read and changed. */
  float[] values() {
    return values;
  }

  /** All groups' numbers, copied. */
  TunedValues tuned() {
    Map<TunedValues.Key, float[]> tuned = new HashMap<>();
    groups.forEach(group -> tuned.put(group.key(), of(group)));
    return new TunedValues(tuned);
  }

  /** A copy of one group's numbers. */
  float[] of(Group group) {
    return Arrays.copyOfRange(values, group.offset(), group.offset() + group.length());
  }
}
