package org.espalier.server.scheduling;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.backend.Session;
import org.espalier.server.scheduling.KeptSessions.Kept;
import org.espalier.server.scheduling.PassShares.Share;

/**
 * Prompts that are read at the same time and begin in the same way: one of them goes ahead to the
 * end of what they have in common, the others wait for it and copy. It is decided afresh before
 * every pass, so nobody waits for a text that is gone.
 */
final class CommonBeginnings {
  private static final Logger LOG = System.getLogger(CommonBeginnings.class.getName());

  /** Fewer tokens than this are sooner read, beside those of the others, than waited for. */
  static final int WORTH_WAITING = 2 * KeptSessions.WORTHWHILE;

  private final KeptSessions kept;
  private final Counters counters;

  /** Whether the backend can copy, as far as is known. */
  private boolean possible = true;

  CommonBeginnings(KeptSessions kept, Counters counters) {
    this.kept = kept;
    this.counters = counters;
  }

  /**
   * Copies what others have by now.
   *
   * @return the most rows that each text can use in the next pass; those that wait are left out
   */
  List<Share> share(List<Sequence> active) {
    List<Sequence> ready = new ArrayList<>(active.size());
    Map<Sequence, Integer> ends = new HashMap<>();
    for (Sequence sequence : active) {
      Optional<Sequence> ahead = possible ? copyOrWait(sequence, active) : Optional.empty();
      if (ahead.isPresent()) {
        ends.merge(ahead.get(), sequence.common(ahead.get().prompt()), Math::max);
      } else {
        ready.add(sequence);
      }
    }
    return ready.stream()
        .map(sequence -> new Share(sequence, rows(sequence, ends.getOrDefault(sequence, 0))))
        .toList();
  }

  /** Up to where others go on by themselves, so that the rest of all is read together. */
  private static int rows(Sequence sequence, int end) {
    int rows = end - sequence.session().position();
    return rows > 0 ? Math.min(rows, sequence.pending()) : sequence.pending();
  }

  /** The text that this one waits for, if any; else it has copied what there is. */
  private Optional<Sequence> copyOrWait(Sequence sequence, List<Sequence> active) {
    int position = sequence.session().position();
    if (sequence.reusable() < position + KeptSessions.WORTHWHILE) {
      return Optional.empty();
    }
    Kept longest = new Kept(sequence.session(), sequence.tokens());
    int known = position;
    for (Kept other : others(sequence, active)) {
      int common = other.common(sequence.prompt(), sequence.reusable());
      if (common > known) {
        longest = other;
        known = common;
      }
    }
    Optional<Sequence> ahead =
        ahead(sequence, active, Math.max(known + 1, position + WORTH_WAITING));
    if (ahead.isEmpty() && known >= position + KeptSessions.WORTHWHILE) {
      copy(sequence, longest.session(), known);
    }
    return ahead;
  }

  private List<Kept> others(Sequence sequence, List<Sequence> active) {
    List<Kept> others = new ArrayList<>(kept.all());
    for (Sequence other : active) {
      if (other != sequence) {
        others.add(new Kept(other.session(), other.tokens()));
      }
    }
    return others;
  }

  /**
   * The text that will read most of this one's beginning, if that is worth waiting for. Of two that
   * are equally far the one that came first goes on; so there is always one that waits for nobody.
   */
  private static Optional<Sequence> ahead(Sequence sequence, List<Sequence> active, int least) {
    Optional<Sequence> best = Optional.empty();
    int most = least - 1;
    int position = sequence.session().position();
    boolean isEarlier = true;
    for (Sequence other : active) {
      isEarlier &= other != sequence;
      int there = other.session().position();
      boolean isAhead = there > position || (there == position && isEarlier);
      // A prompt that is scored is read in small pieces only.
      if (isAhead && other.isReading() && !other.isScoring()) {
        int common = sequence.common(other.prompt());
        if (common > most) {
          best = Optional.of(other);
          most = common;
        }
      }
    }
    return best;
  }

  private void copy(Sequence sequence, Session from, int positions) {
    int before = sequence.session().position();
    try {
      possible = sequence.copyFrom(from, positions);
    } catch (DeviceFailure _) {
      // No memory. The pass finds that out again, and then others make room.
      sequence.session().truncate(0);
    } catch (RuntimeException defect) {
      LOG.log(Level.WARNING, "the beginning of a prompt could not be copied", defect);
      possible = false;
      sequence.session().truncate(0);
    }
    counters.reusedTokens.add(Math.max(0, sequence.session().position() - before));
  }
}
