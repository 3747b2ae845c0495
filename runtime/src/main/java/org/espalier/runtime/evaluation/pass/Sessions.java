package org.espalier.runtime.evaluation.pass;

import java.util.ArrayList;
import java.util.List;
import org.espalier.api.backend.Session;
import org.espalier.runtime.Model;

/** Sessions that are opened and closed together. */
public final class Sessions implements AutoCloseable {
  private final List<Session> sessions = new ArrayList<>();

  /** None yet. */
  public Sessions() {}

  /** So many of one length. */
  public Sessions(Model model, int count, int contextLength) {
    try {
      for (int i = 0; i < count; i++) {
        open(model, contextLength);
      }
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Opens one more. */
  public Session open(Model model, int contextLength) {
    Session session = model.newSession(contextLength);
    sessions.add(session);
    return session;
  }

  /** Those that are open. */
  public List<Session> all() {
    return List.copyOf(sessions);
  }

  @Override
  public void close() {
    sessions.forEach(Session::close);
    sessions.clear();
  }
}
