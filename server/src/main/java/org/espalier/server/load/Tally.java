package org.espalier.server.load;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.LongAdder;

/** What the clients have seen. */
final class Tally {
  private static final int MOST_EXAMPLES = 20;

  final LongAdder texts = new LongAdder();
  final LongAdder tokens = new LongAdder();
  final LongAdder turnedAway = new LongAdder();
  final LongAdder failures = new LongAdder();
  final Durations untilFirst = new Durations();
  final Durations betweenTokens = new Durations();
  private final Map<String, Map<Integer, LongAdder>> statuses = new ConcurrentSkipListMap<>();
  private final List<String> examples = new ArrayList<>();

  /**
   * Notes an answer to a client of some kind; 0 for none.
   *
   * <p>A server may refuse whatever it likes, but must not fail: of the statuses from 500 on only
   * 503 is allowed.
   */
  void answered(String kind, int status) {
    statuses
        .computeIfAbsent(kind, _ -> new ConcurrentSkipListMap<>())
        .computeIfAbsent(status, _ -> new LongAdder())
        .increment();
    if (status >= 500 && status != 503) {
      failed(kind + ": status " + status);
    }
  }

  void failed(String what) {
    failures.increment();
    synchronized (examples) {
      if (examples.size() < MOST_EXAMPLES) {
        examples.add(what);
      }
    }
  }

  List<String> examples() {
    synchronized (examples) {
      return List.copyOf(examples);
    }
  }

  Map<String, Map<Integer, LongAdder>> statuses() {
    return statuses;
  }
}
