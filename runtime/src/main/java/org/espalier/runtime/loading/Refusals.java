package org.espalier.runtime.loading;

import java.util.ArrayList;
import java.util.List;

/** Who declined, and why. */
final class Refusals {
  private final List<String> reasons = new ArrayList<>();

  void add(Object who, String reason) {
    reasons.add(who + ": " + reason);
  }

  List<String> list() {
    return List.copyOf(reasons);
  }

  /** All in one line, or a word for nobody having been asked. */
  String or(String nobody) {
    return reasons.isEmpty() ? nobody : String.join("; ", reasons);
  }
}
