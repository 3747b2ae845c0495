package org.espalier.api.backend;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.model.ModelPlan;

/**
 * What every backend refuses, in the same words. A backend calls these before it changes anything;
 * whether a session is its own and open, only the backend knows.
 */
public final class SessionRules {
  private SessionRules() {}

  /**
   * Checks the steps of a pass: each as below, no session twice, no more rows than were compiled
   * for.
   *
   * @throws InvalidRequest when one cannot be
   */
  public static void checkPass(List<Step> steps, ModelPlan plan, int maximumRows) {
    Set<Session> seen = new HashSet<>();
    long rows = 0;
    for (Step step : steps) {
      checkStep(step.session(), step.input(), step.wanted(), plan);
      if (!seen.add(step.session())) {
        throw new InvalidRequest("a session can take only one step per pass");
      }
      rows += step.input().count();
    }
    checkRows(rows, maximumRows);
  }

  /**
   * Checks that a pass has no more rows than were compiled for.
   *
   * @throws InvalidRequest when it has more
   */
  public static void checkRows(long rows, int maximumRows) {
    if (rows > maximumRows) {
      throw new InvalidRequest(
          "a pass takes at most %d positions, not %d: pass them piece by piece"
              .formatted(maximumRows, rows));
    }
  }

  /**
   * Checks what goes into a session, as {@link Session#forward} promises, but for the size of the
   * pass.
   *
   * @throws InvalidRequest when the session cannot take it
   */
  public static void checkStep(Session session, Activations input, int wanted, ModelPlan plan) {
    int count = input.count();
    if (wanted < 0 || wanted > count) {
      throw new InvalidRequest("%d outputs are wanted of %d positions".formatted(wanted, count));
    }
    if (session.position() + (long) count > session.contextLength()) {
      throw new InvalidRequest(
          "%d more positions do not fit: the context of %d is filled up to %d"
              .formatted(count, session.contextLength(), session.position()));
    }
    switch (input) {
      case Activations.Tokens(int[] ids) -> checkTokens(ids, plan);
      case Rows rows -> checkRows(rows, plan);
    }
  }

  private static void checkTokens(int[] ids, ModelPlan plan) {
    if (!plan.takesTokens()) {
      throw new InvalidRequest("this slice of a model takes rows, not tokens");
    }
    for (int id : ids) {
      if (id < 0 || id >= plan.vocabulary()) {
        throw new InvalidRequest(
            "token %d is outside the vocabulary of %d".formatted(id, plan.vocabulary()));
      }
    }
  }

  private static void checkRows(Rows rows, ModelPlan plan) {
    if (plan.takesTokens()) {
      throw new InvalidRequest("this model takes tokens, not rows");
    }
    if (rows.width() != plan.width()) {
      throw new InvalidRequest(
          "rows have %d values where the model has %d".formatted(rows.width(), plan.width()));
    }
  }

  /**
   * Checks {@link Session#truncate}.
   *
   * @throws InvalidRequest when the session was never there
   */
  public static void checkTruncation(Session session, int position) {
    if (position < 0 || position > session.position()) {
      throw new InvalidRequest(
          "cannot go back to position %d of a session that is at %d"
              .formatted(position, session.position()));
    }
  }

  /**
   * Checks {@link Session#copyFrom}.
   *
   * @throws InvalidRequest when there are not so many positions in the one or no room in the other
   */
  public static void checkCopy(Session from, Session to, int positions) {
    if (positions < 0 || positions > Math.min(from.position(), to.contextLength())) {
      throw new InvalidRequest(
          "cannot copy %d positions of a session that is at %d into a context of %d"
              .formatted(positions, from.position(), to.contextLength()));
    }
  }
}
