package org.espalier.runtime.benchmark;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Session;
import org.espalier.runtime.Model;

/**
 * Times forward passes as llama-bench does: random tokens, no tokenizing and no sampling, a warm-up
 * before each test, logits of the last position only.
 */
public final class SpeedBenchmark {
  private final Model model;
  private final BooleanSupplier cancelled;

  /**
   * A benchmark of one model.
   *
   * @param cancelled asked before every pass; true ends a run early
   */
  public SpeedBenchmark(Model model, BooleanSupplier cancelled) {
    this.model = model;
    this.cancelled = cancelled;
  }

  /**
   * Runs a test once to warm up and then some times.
   *
   * @return what was timed; fewer repetitions, at least one, when cancelled
   */
  public SpeedResult run(SpeedTest test, int repetitions) {
    SplittableRandom random = new SplittableRandom(0x5EED);
    List<Long> nanos = new ArrayList<>();
    try (Session session = model.newSession(test.positions())) {
      warmUp(session, test, random);
      do {
        session.truncate(0);
        prompt(session, test.depth(), random);
        long start = System.nanoTime();
        prompt(session, test.promptTokens(), random);
        generate(session, test.generatedTokens(), random);
        nanos.add(System.nanoTime() - start);
      } while (nanos.size() < repetitions && !cancelled.getAsBoolean());
    }
    return new SpeedResult(test, nanos);
  }

  /** A whole prompt, as it compiles what will be timed, but only a little of the generation. */
  private void warmUp(Session session, SpeedTest test, SplittableRandom random) {
    prompt(session, test.promptTokens(), random);
    generate(session, Math.min(test.generatedTokens(), 32), random);
  }

  private void prompt(Session session, int tokens, SplittableRandom random) {
    for (int done = 0; done < tokens && !cancelled.getAsBoolean(); ) {
      int count = Math.min(model.batch(), tokens - done);
      int[] ids = random.ints(count, 0, model.plan().vocabulary()).toArray();
      done += count;
      session.forward(new Activations.Tokens(ids), done == tokens ? 1 : 0);
    }
  }

  private void generate(Session session, int tokens, SplittableRandom random) {
    int[] id = new int[1];
    for (int i = 0; i < tokens && !cancelled.getAsBoolean(); i++) {
      id[0] = random.nextInt(model.plan().vocabulary());
      session.forward(new Activations.Tokens(id), 1);
    }
  }
}
