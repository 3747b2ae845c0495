package org.espalier.server.scheduling;

import static org.espalier.server.scheduling.SchedulerTest.await;
import static org.espalier.server.scheduling.SchedulerTest.drawn;
import static org.espalier.server.scheduling.SchedulerTest.ended;
import static org.espalier.server.scheduling.SchedulerTest.events;
import static org.espalier.server.scheduling.SchedulerTest.expected;
import static org.espalier.server.scheduling.SchedulerTest.failure;
import static org.espalier.server.scheduling.SchedulerTest.prompt;
import static org.espalier.server.scheduling.SchedulerTest.request;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.server.model.FakeExecutable;
import org.espalier.server.model.FakeModel;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class CommonBeginningsTest {
  private static final int CONTEXT = 256;
  private static final int BATCH = 64;
  private static final Duration LONG = Duration.ofSeconds(50);

  private final RoutingRecorder routing = new RoutingRecorder();
  private final Counters counters = new Counters();
  private final FakeModel model = new FakeModel(CONTEXT);
  private final ServedModel served = model.served(BATCH, routing);
  private final FakeExecutable executable = model.executable();
  private final Scheduler scheduler =
      new Scheduler(served, new Limits(8, 100, 100 * CONTEXT, LONG, LONG), routing, counters);

  @AfterEach
  void nothingIsLeft() {
    scheduler.close();
    assertEquals(0, executable.openSessions.get());
  }

  private static int[] joined(int[] first, int[] second) {
    return IntStream.concat(IntStream.of(first), IntStream.of(second)).toArray();
  }

  /** Submits all at once and compares what comes out with what each would get alone. */
  private void assertAllRight(List<int[]> prompts, int length) {
    List<Event> events =
        events(
            scheduler.submit(prompts.stream().map(prompt -> request(prompt, length)).toList()),
            prompts.size());
    for (int i = 0; i < prompts.size(); i++) {
      assertEquals(expected(prompts.get(i), length), drawn(events, i), "text " + i);
    }
    await(() -> counters.completed.sum() == prompts.size());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 5})
  void equalPromptsAreReadOnce(int length) {
    assertAllRight(Collections.nCopies(8, prompt(200, 1)), length);
    assertEquals(199 + 8, counters.promptTokens.sum(), "all but the last token are read once");
    assertEquals(7 * 199, counters.reusedTokens.sum());
  }

  @Test
  void equalPromptsOfSeveralRequestsAreReadOnce() {
    executable.passMillis = 5;
    int[] prompt = prompt(200, 1);
    List<Ticket> tickets =
        IntStream.range(0, 8)
            .mapToObj(_ -> scheduler.submit(List.of(request(prompt, 20))))
            .toList();
    int reused = 0;
    for (Ticket ticket : tickets) {
      List<Event> events = events(ticket, 1);
      assertEquals(expected(prompt, 20), drawn(events, 0));
      reused += ended(events).reusedTokens();
    }
    assertEquals(7 * 199, reused);
    assertEquals(8 * 200 - reused, counters.promptTokens.sum());
  }

  @Test
  void theRestOfTextsWithOneBeginningIsReadTogether() {
    int[] common = prompt(100, 1);
    List<int[]> prompts =
        IntStream.range(0, 6).mapToObj(i -> joined(common, prompt(5 + i, 10 + i))).toList();
    assertAllRight(prompts, 3);
    assertEquals(100 + 5 + 6 + 7 + 8 + 9 + 10, counters.promptTokens.sum());
    assertEquals(List.of(64), executable.passes.get(0));
    assertEquals(List.of(36), executable.passes.get(1), "the first stops where the others go on");
    assertEquals(6, executable.passes.get(2).size());
  }

  @Test
  void aFewCommonTokensAreNotWaitedFor() {
    int[] common = prompt(CommonBeginnings.WORTH_WAITING - 1, 1);
    List<int[]> prompts =
        IntStream.range(0, 4).mapToObj(i -> joined(common, prompt(50, 10 + i))).toList();
    assertAllRight(prompts, 3);
    assertEquals(4, executable.passes.getFirst().size());
  }

  @Test
  void aTextThatIsBeingDrawnLendsItsBeginning() throws InterruptedException {
    executable.passMillis = 2;
    int[] prompt = prompt(120, 1);
    Ticket first = scheduler.submit(List.of(request(prompt, 100)));
    first.next(LONG).orElseThrow();
    List<Event> second = events(scheduler.submit(List.of(request(prompt, 9))), 1);
    assertEquals(119, ended(second).reusedTokens());
    assertEquals(expected(prompt, 9), drawn(second, 0));
    assertEquals(99, drawn(events(first, 1), 0).size());
  }

  @Test
  void whoeverWaitsGoesOnByItselfWhenTheFirstIsCancelled() {
    executable.passMillis = 20;
    int[] prompt = prompt(250, 1);
    Ticket first = scheduler.submit(List.of(request(prompt, 5)));
    Ticket second = scheduler.submit(List.of(request(prompt, 5)));
    await(() -> counters.promptTokens.sum() >= BATCH);
    first.cancel();
    List<Event> events = events(second, 1);
    assertEquals(expected(prompt, 5), drawn(events, 0));
    assertTrue(ended(events).reusedTokens() >= BATCH, "what the first had read is there");
    assertEquals(1, counters.cancelled.sum());
    assertTrue(counters.promptTokens.sum() <= 251, "read: " + counters.promptTokens.sum());
  }

  @Test
  void whoeverWaitsGoesOnByItselfWhenTheFirstFails() {
    executable.passMillis = 20;
    int[] prompt = prompt(250, 1);
    Ticket first = scheduler.submit(List.of(request(prompt, 5)));
    Ticket second = scheduler.submit(List.of(request(prompt, 5)));
    await(() -> counters.promptTokens.sum() >= BATCH);
    IllegalStateException defect = new IllegalStateException("planted");
    executable.failure = defect;
    assertSame(defect, failure(events(first, 1)));
    assertEquals(expected(prompt, 5), drawn(events(second, 1), 0));
  }

  @Test
  void whereNothingCanBeCopiedEveryPromptIsRead() {
    executable.copies = false;
    assertAllRight(Collections.nCopies(8, prompt(150, 1)), 4);
    assertEquals(0, counters.reusedTokens.sum());
    assertTrue(counters.promptTokens.sum() >= 8 * 150);
    long passes = executable.passes.stream().filter(pass -> pass.size() == 1).count();
    assertTrue(passes <= 3, "waited for in vain: " + passes);
  }

  @Test
  void aCopyThatFailsIsReadInstead() {
    executable.copyFailure = new DeviceFailure("no memory");
    assertAllRight(Collections.nCopies(3, prompt(150, 1)), 4);
    assertEquals(0, counters.failed.sum());
    executable.copyFailure = new IllegalStateException("planted");
    List<Event> events =
        events(scheduler.submit(Collections.nCopies(3, request(prompt(150, 2), 4))), 3);
    assertEquals(expected(prompt(150, 2), 4), drawn(events, 2));
    assertEquals(0, counters.failed.sum());
  }

  @Test
  void promptsThatAreScoredOrObservedPassThroughTheModelWhole() {
    int[] prompt = prompt(100, 1);
    SequenceRequest scored = request(prompt, 1, OptionalInt.of(1), true, false);
    SequenceRequest routed = request(prompt, 1, OptionalInt.empty(), false, true);
    List<Event> events = events(scheduler.submit(List.of(scored, routed, scored, routed)), 4);
    assertEquals(400, counters.promptTokens.sum());
    for (int text = 0; text < 4; text++) {
      assertEquals(expected(prompt, 1), drawn(events, text));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void anyTreeOfBeginningsGivesWhatEachTextGivesAlone(long seed) {
    Random random = new Random(seed);
    List<int[]> prompts = new ArrayList<>(List.of(prompt(120, seed)));
    while (prompts.size() < 40) {
      int[] parent = prompts.get(random.nextInt(prompts.size()));
      int kept = random.nextInt(parent.length + 1);
      int[] beginning = Arrays.copyOf(parent, kept);
      prompts.add(joined(beginning, prompt(1 + random.nextInt(230 - kept), random.nextLong())));
    }
    List<Ticket> tickets = new ArrayList<>();
    List<Ticket> leaving = new ArrayList<>();
    for (int[] prompt : prompts) {
      tickets.add(scheduler.submit(List.of(request(prompt, 10))));
      if (random.nextInt(3) == 0) {
        leaving.add(scheduler.submit(List.of(request(prompt, 10))));
      }
    }
    leaving.forEach(Ticket::cancel);
    for (int i = 0; i < prompts.size(); i++) {
      assertEquals(expected(prompts.get(i), 10), drawn(events(tickets.get(i), 1), 0), "text " + i);
    }
    await(() -> counters.completed.sum() + counters.cancelled.sum() == 40 + leaving.size());
    assertTrue(counters.reusedTokens.sum() > 0);
  }
}
