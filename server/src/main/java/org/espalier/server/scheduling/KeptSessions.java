package org.espalier.server.scheduling;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.Optional;
import org.espalier.api.backend.Session;

/**
 * Sessions whose texts have ended, with what is in them: the next prompt that begins in the same
 * way need not be read from its beginning. The latest used are kept longest.
 */
final class KeptSessions {
  /** Fewer common tokens than this are not worth losing the rest of another text for. */
  static final int WORTHWHILE = 16;

  private final Deque<Kept> sessions = new ArrayDeque<>();
  private long positions;

  /**
   * A session and its tokens by position.
   *
   * @param tokens at least as many as the session has positions
   */
  record Kept(Session session, int[] tokens) {
    int common(int[] prompt, int most) {
      int end = Math.min(most, Math.min(session.position(), prompt.length));
      int mismatch = Arrays.mismatch(tokens, 0, end, prompt, 0, end);
      return mismatch < 0 ? end : mismatch;
    }
  }

  Collection<Kept> all() {
    return Collections.unmodifiableCollection(sessions);
  }

  int size() {
    return sessions.size();
  }

  /** Positions in all of them. */
  long positions() {
    return positions;
  }

  void keep(Session session, int[] tokens) {
    sessions.addFirst(new Kept(session, tokens));
    positions += session.position();
  }

  /**
   * The session that shares the longest beginning with a prompt, cut back to it, if that is worth
   * while.
   *
   * @param most positions that may be reused
   */
  Optional<Session> take(int[] prompt, int most) {
    Kept best = null;
    int longest = 0;
    for (Kept kept : sessions) {
      int common = kept.common(prompt, most);
      boolean enough = common >= WORTHWHILE || common == kept.session.position();
      if (enough && common > longest) {
        best = kept;
        longest = common;
      }
    }
    if (best == null) {
      return Optional.empty();
    }
    remove(best);
    best.session.truncate(longest);
    return Optional.of(best.session);
  }

  /** The one that was not used for the longest time, emptied. */
  Optional<Session> takeOldest() {
    Kept oldest = sessions.peekLast();
    if (oldest == null) {
      return Optional.empty();
    }
    remove(oldest);
    oldest.session.truncate(0);
    return Optional.of(oldest.session);
  }

  /** Closes the one that was not used for the longest time. */
  boolean dropOldest() {
    Optional<Session> oldest = takeOldest();
    oldest.ifPresent(Session::close);
    return oldest.isPresent();
  }

  private void remove(Kept kept) {
    sessions.remove(kept);
    positions -= kept.session.position();
  }
}
