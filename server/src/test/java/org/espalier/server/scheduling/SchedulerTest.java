package org.espalier.server.scheduling;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.runtime.generation.FinishReason;
import org.espalier.runtime.generation.GenerationOptions;
import org.espalier.runtime.sampling.SamplingOptions;
import org.espalier.server.model.FakeExecutable;
import org.espalier.server.model.FakeModel;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class SchedulerTest {
  private static final int CONTEXT = 256;
  private static final Duration LONG = Duration.ofSeconds(50);
  private static final SamplingOptions NEVER_ENDING =
      SamplingOptions.GREEDY.forbidding(FakeModel.END);

  private final FakeModel model = new FakeModel(CONTEXT);
  private final RoutingRecorder routing = new RoutingRecorder();
  private final Counters counters = new Counters();
  private final ServedModel served = model.served(128, routing);
  private Scheduler scheduler;

  private Scheduler start(int parallel, int waiting, long positions) {
    return start(parallel, waiting, positions, LONG, LONG);
  }

  private Scheduler start(
      int parallel, int waiting, long positions, Duration waitingTime, Duration generationTime) {
    Limits limits = new Limits(parallel, waiting, positions, waitingTime, generationTime);
    scheduler = new Scheduler(served, limits, routing, counters);
    return scheduler;
  }

  @AfterEach
  void nothingIsLeft() {
    if (scheduler != null) {
      scheduler.close();
    }
    assertEquals(0, model.executable().openSessions.get());
    assertEquals(0, counters.active());
  }

  static SequenceRequest request(int[] prompt, int length) {
    return request(prompt, length, OptionalInt.empty(), false, false);
  }

  static SequenceRequest request(
      int[] prompt, int length, OptionalInt alternatives, boolean score, boolean routing) {
    GenerationOptions options = new GenerationOptions(length, NEVER_ENDING, 1, List.of(), false);
    return new SequenceRequest(prompt, options, alternatives, score, routing);
  }

  static int[] prompt(int length, long seed) {
    return new Random(seed).ints(length, 0, FakeModel.END).toArray();
  }

  private static List<Integer> list(int[] tokens) {
    return Arrays.stream(tokens).boxed().toList();
  }

  /** What must come out: the likeliest tokens, the one that ends a text excepted. */
  static List<Integer> expected(int[] prompt, int length) {
    List<Integer> tokens = new ArrayList<>(list(prompt));
    for (int i = 0; i < length; i++) {
      float[] logits = FakeExecutable.logits(tokens, FakeModel.VOCABULARY);
      tokens.add(Scorer.likeliest(logits, FakeModel.END, 1)[0]);
    }
    return tokens.subList(prompt.length, tokens.size());
  }

  /** All events up to the end of so many texts. */
  static List<Event> events(Ticket ticket, int texts) {
    List<Event> events = new ArrayList<>();
    int open = texts;
    try {
      while (open > 0) {
        Event event = ticket.next(LONG).orElseThrow();
        events.add(event);
        open -= event instanceof Event.Ended ? 1 : 0;
        if (event instanceof Event.Failed) {
          return events;
        }
      }
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    return events;
  }

  static List<Integer> drawn(List<Event> events, int choice) {
    return events.stream()
        .filter(event -> event instanceof Event.Drawn drawn && drawn.choice() == choice)
        .map(event -> ((Event.Drawn) event).token())
        .toList();
  }

  @Test
  void flightRecorderIsToldOfPromptsAndTokens(@TempDir Path folder) throws Exception {
    int[] prompt = prompt(50, 3);
    Path file = folder.resolve("events.jfr");
    List<Event> events;
    try (Recording recording = new Recording()) {
      recording.enable("org.espalier.PromptBatch").withoutThreshold();
      recording.enable("org.espalier.Token").withoutThreshold();
      recording.start();
      events = events(start(2, 4, 4 * CONTEXT).submit(List.of(request(prompt, 5))), 1);
      recording.stop();
      recording.dump(file);
    }
    List<RecordedEvent> recorded = RecordingFile.readAllEvents(file);
    List<RecordedEvent> batches = named(recorded, "org.espalier.PromptBatch");
    assertEquals(50, batches.stream().mapToInt(batch -> batch.getInt("tokens")).sum());
    assertEquals(0, batches.getFirst().getInt("position"));
    List<RecordedEvent> tokens = named(recorded, "org.espalier.Token");
    assertEquals(drawn(events, 0), tokens.stream().map(token -> token.getInt("token")).toList());
    assertEquals(
        List.of(50, 51, 52, 53, 54),
        tokens.stream().map(token -> token.getInt("position")).toList());
    for (RecordedEvent token : tokens) {
      assertTrue(token.getDuration().compareTo(token.getDuration("sampling")) >= 0);
    }
  }

  private static List<RecordedEvent> named(List<RecordedEvent> events, String name) {
    return events.stream()
        .filter(event -> event.getEventType().getName().equals(name))
        .sorted(Comparator.comparing(RecordedEvent::getStartTime))
        .toList();
  }

  static Event.Ended ended(List<Event> events) {
    return assertInstanceOf(Event.Ended.class, events.getLast());
  }

  static RuntimeException failure(List<Event> events) {
    return assertInstanceOf(Event.Failed.class, events.getLast()).failure();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 32})
  void manyTextsAtOnceAreTheSameAsOneAfterAnother(int parallel) {
    start(parallel, 100, 100 * CONTEXT);
    List<SequenceRequest> requests =
        IntStream.range(0, 40)
            .mapToObj(i -> request(prompt(1 + 5 * (i % 20), i), 1 + i % 9))
            .toList();
    List<Event> events = events(scheduler.submit(requests), 40);
    for (int i = 0; i < 40; i++) {
      int[] prompt = requests.get(i).prompt();
      assertEquals(expected(prompt, 1 + i % 9), drawn(events, i), "text " + i);
    }
    int most = model.executable().passes.stream().mapToInt(List::size).max().orElseThrow();
    assertEquals(parallel, most, "texts in the fullest pass");
    await(() -> counters.completed.sum() == 40);
  }

  /** Counters follow events. */
  static void await(BooleanSupplier condition) {
    long end = System.nanoTime() + LONG.toNanos();
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() - end < 0, "waited too long");
      Thread.onSpinWait();
    }
  }

  @Test
  void textsThatAreDrawnShareEveryPass() {
    model.executable().passMillis = 2;
    start(8, 100, 100 * CONTEXT);
    List<SequenceRequest> requests =
        IntStream.range(0, 8).mapToObj(i -> request(prompt(3, i), 50)).toList();
    events(scheduler.submit(requests), 8);
    int passes = model.executable().passes.size();
    assertTrue(passes < 60, "8 texts of 50 tokens took " + passes + " passes");
  }

  @Test
  void aLongPromptDoesNotHoldUpOthers() {
    model.executable().rowMillis = 5;
    start(2, 10, 10 * CONTEXT);
    Ticket streaming = scheduler.submit(List.of(request(prompt(3, 1), 40)));
    Ticket reading = scheduler.submit(List.of(request(prompt(200, 2), 1)));
    events(streaming, 1);
    assertEquals(expected(prompt(200, 2), 1), drawn(events(reading, 1), 0));
    int widest =
        model.executable().passes.stream()
            .filter(pass -> pass.size() == 2 && pass.getFirst() == 1)
            .mapToInt(pass -> pass.stream().mapToInt(Integer::intValue).sum())
            .max()
            .orElseThrow();
    // A quarter of a second has room for 50 such rows, the widest pass for 128.
    assertTrue(widest >= 16 && widest <= 55, "a shared pass had " + widest + " rows");
  }

  @Test
  void aLargeSubmissionDelaysASmallOneByOneText() {
    model.executable().passMillis = 1;
    start(1, 10, 10 * CONTEXT);
    List<SequenceRequest> many =
        IntStream.range(0, 30).mapToObj(i -> request(prompt(4, i), 5)).toList();
    Ticket large = scheduler.submit(many);
    Ticket small = scheduler.submit(List.of(request(prompt(4, 99), 5)));
    events(small, 1);
    long done = counters.completed.sum();
    assertTrue(done <= 6, "texts before the small one: " + done);
    assertEquals(30, events(large, 30).stream().filter(e -> e instanceof Event.Ended).count());
  }

  @Test
  void whoeverFindsTheLineFullIsTurnedAway() {
    model.executable().passMillis = 5;
    start(1, 2, 10 * CONTEXT);
    List<Ticket> taken = new ArrayList<>();
    Refusal refusal =
        assertThrows(
            Refusal.class,
            () -> {
              for (int i = 0; i < 10; i++) {
                taken.add(scheduler.submit(List.of(request(prompt(4, i), 100))));
              }
            });
    assertEquals(Refusal.Reason.FULL, refusal.reason());
    assertTrue(refusal.retryAfterSeconds() >= 1);
    assertTrue(taken.size() == 2 || taken.size() == 3, "taken: " + taken.size());
    assertEquals(1, counters.refused.sum());
    taken.forEach(Ticket::close);
  }

  @Test
  void whoeverWaitsTooLongIsToldSo() {
    model.executable().passMillis = 5;
    start(1, 10, 10 * CONTEXT, Duration.ofMillis(100), LONG);
    Ticket first = scheduler.submit(List.of(request(prompt(4, 1), 200)));
    Ticket second = scheduler.submit(List.of(request(prompt(4, 2), 1)));
    Refusal refusal = assertInstanceOf(Refusal.class, failure(events(second, 1)));
    assertEquals(Refusal.Reason.WAITED_TOO_LONG, refusal.reason());
    first.close();
  }

  @Test
  void aTextThatTakesTooLongEndsWithWhatIsThere() {
    model.executable().passMillis = 5;
    start(1, 10, 10 * CONTEXT, LONG, Duration.ofMillis(100));
    List<Event> events = events(scheduler.submit(List.of(request(prompt(4, 1), 200))), 1);
    assertEquals(FinishReason.LENGTH, ended(events).reason());
    int length = drawn(events, 0).size();
    assertTrue(length > 0 && length < 100, "tokens: " + length);
    assertEquals(expected(prompt(4, 1), length), drawn(events, 0));
  }

  @Test
  void whatNobodyWaitsForEnds() throws InterruptedException {
    model.executable().passMillis = 2;
    start(1, 10, 10 * CONTEXT);
    Ticket running = scheduler.submit(List.of(request(prompt(4, 1), 240)));
    Ticket waiting = scheduler.submit(List.of(request(prompt(4, 2), 240)));
    running.next(LONG).orElseThrow();
    waiting.cancel();
    running.cancel();
    Ticket next = scheduler.submit(List.of(request(prompt(4, 3), 2)));
    assertEquals(expected(prompt(4, 3), 2), drawn(events(next, 1), 0));
    await(() -> counters.cancelled.sum() == 2);
    assertTrue(counters.drawnTokens.sum() < 100);
  }

  @Test
  void aPromptThatBeginsAsAnEarlierTextIsNotReadAgain() {
    start(2, 10, 10 * CONTEXT);
    int[] first = prompt(60, 1);
    List<Integer> answer = drawn(events(scheduler.submit(List.of(request(first, 20))), 1), 0);
    int[] longer =
        IntStream.concat(
                Arrays.stream(first),
                IntStream.concat(
                    answer.stream().mapToInt(Integer::intValue), Arrays.stream(prompt(7, 2))))
            .toArray();
    List<Event> second = events(scheduler.submit(List.of(request(longer, 9))), 1);
    assertEquals(expected(longer, 9), drawn(second, 0));
    assertEquals(79, ended(second).reusedTokens()); // the last token drawn never went in
    int[] branch = longer.clone();
    branch[40]++;
    List<Event> third = events(scheduler.submit(List.of(request(branch, 9))), 1);
    assertEquals(expected(branch, 9), drawn(third, 0));
    assertEquals(40, ended(third).reusedTokens());
    List<Event> again = events(scheduler.submit(List.of(request(branch, 9))), 1);
    assertEquals(branch.length - 1, ended(again).reusedTokens());
    assertEquals(drawn(third, 0), drawn(again, 0));
    int[] other = prompt(60, 3);
    assertEquals(0, ended(events(scheduler.submit(List.of(request(other, 1))), 1)).reusedTokens());
    await(() -> counters.reusedTokens.sum() == 79 + 40 + branch.length - 1);
  }

  @Test
  void memoryIsBounded() {
    start(8, 100, 100);
    List<Ticket> tickets = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      tickets.add(scheduler.submit(List.of(request(prompt(20, i), 20))));
    }
    for (int i = 0; i < 20; i++) {
      assertEquals(expected(prompt(20, i), 20), drawn(events(tickets.get(i), 1), 0));
      assertTrue(counters.positions() <= 100, "positions: " + counters.positions());
    }
    int most = model.executable().passes.stream().mapToInt(List::size).max().orElseThrow();
    assertEquals(2, most, "texts of 40 positions in 100");
    InvalidRequest refusal =
        assertThrows(
            InvalidRequest.class, () -> scheduler.submit(List.of(request(prompt(20, 1), 81))));
    assertTrue(refusal.getMessage().contains("room for 100"), refusal.getMessage());
  }

  @Test
  void keptSessionsMakeRoomForNewOnes() {
    model.executable().mostSessions = 2;
    start(2, 10, 10 * CONTEXT);
    for (int i = 0; i < 6; i++) {
      events(scheduler.submit(List.of(request(prompt(20, i), 3))), 1);
    }
    await(() -> counters.completed.sum() == 6);
    assertEquals(0, counters.failed.sum());
  }

  @Test
  void aDeviceWithoutMemoryFailsOneRequestOnly() {
    start(2, 10, 10 * CONTEXT);
    model.executable().passMillis = 5;
    Ticket first = scheduler.submit(List.of(request(prompt(20, 1), 30)));
    events(scheduler.submit(List.of(request(prompt(20, 9), 1))), 1); // its session is kept
    Ticket second = scheduler.submit(List.of(request(prompt(20, 2), 30)));
    model.executable().failure = new DeviceFailure("no memory");
    assertEquals(expected(prompt(20, 1), 30), drawn(events(first, 1), 0));
    assertEquals(expected(prompt(20, 2), 30), drawn(events(second, 1), 0));
    assertEquals(0, counters.failed.sum(), "a kept session gave its memory");
  }

  @Test
  void theNewestTextGivesWayWhereNothingIsKept() throws InterruptedException {
    start(2, 10, 10 * CONTEXT);
    model.executable().passMillis = 5;
    Ticket first = scheduler.submit(List.of(request(prompt(20, 1), 60)));
    first.next(LONG).orElseThrow();
    Ticket second = scheduler.submit(List.of(request(prompt(20, 2), 60)));
    second.next(LONG).orElseThrow();
    DeviceFailure failure = new DeviceFailure("no memory");
    model.executable().failure = failure;
    assertSame(failure, failure(events(second, 1)));
    assertEquals(59, drawn(events(first, 1), 0).size());
  }

  @Test
  void aDefectEndsWhatItConcernsAndNothingElse() throws InterruptedException {
    start(2, 10, 10 * CONTEXT);
    model.executable().passMillis = 5;
    Ticket ticket =
        scheduler.submit(List.of(request(prompt(20, 1), 60), request(prompt(5, 1), 60)));
    ticket.next(LONG).orElseThrow();
    IllegalStateException defect = new IllegalStateException("planted");
    model.executable().failure = defect;
    assertSame(defect, failure(events(ticket, 2)));
    int[] prompt = prompt(20, 2);
    assertEquals(
        expected(prompt, 3), drawn(events(scheduler.submit(List.of(request(prompt, 3))), 1), 0));
    assertEquals(1, counters.failed.sum());
  }

  @Test
  void tokensAreScoredAgainstTheWholeVocabulary() {
    start(3, 10, 10 * CONTEXT);
    int[] prompt = prompt(100, 1);
    List<Event> events =
        events(scheduler.submit(List.of(request(prompt, 2, OptionalInt.of(3), true, false))), 1);
    List<TokenScore> scores = new ArrayList<>();
    for (Event event : events) {
      switch (event) {
        case Event.Scored scored -> scores.addAll(scored.scores());
        case Event.Drawn drawn -> scores.add(drawn.score().orElseThrow());
        default -> {}
      }
    }
    List<Integer> all = new ArrayList<>(list(prompt));
    all.addAll(expected(prompt, 2));
    assertEquals(all.size() - 1, scores.size());
    for (int i = 1; i < all.size(); i++) {
      float[] logits = FakeExecutable.logits(all.subList(0, i), FakeModel.VOCABULARY);
      double sum = 0;
      for (float logit : logits) {
        sum += Math.exp(logit);
      }
      TokenScore score = scores.get(i - 1);
      assertEquals(all.get(i), score.token());
      assertEquals(logits[all.get(i)] - Math.log(sum), score.logProbability(), 1e-9);
      List<Integer> likeliest =
          IntStream.range(0, logits.length)
              .boxed()
              .sorted((a, b) -> Float.compare(logits[b], logits[a]))
              .limit(3)
              .toList();
      assertEquals(
          likeliest, score.alternatives().stream().map(TokenScore.Alternative::token).toList());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aPromptCanBeScoredWithoutGeneratingMuch(int length) {
    start(3, 10, 10 * CONTEXT);
    int[] prompt = prompt(CONTEXT, 1); // all of the context: drawing one more token needs no room
    List<Event> events =
        events(
            scheduler.submit(List.of(request(prompt, length, OptionalInt.of(1), true, false))), 1);
    long scored =
        events.stream()
            .mapToLong(event -> event instanceof Event.Scored(_, var scores) ? scores.size() : 0)
            .sum();
    assertEquals(CONTEXT - 1, scored);
    assertEquals(length, drawn(events, 0).size());
    assertEquals(FinishReason.LENGTH, ended(events).reason());
  }

  @Test
  void everyTokenIsToldItsExperts() {
    start(4, 10, 10 * CONTEXT);
    Ticket other = scheduler.submit(List.of(request(prompt(50, 5), 30)));
    int[] prompt = prompt(70, 1);
    List<Event> events =
        events(scheduler.submit(List.of(request(prompt, 5, OptionalInt.empty(), false, true))), 1);
    List<TokenRouting> routed =
        events.stream()
            .filter(event -> event instanceof Event.Routed)
            .flatMap(event -> ((Event.Routed) event).tokens().stream())
            .toList();
    List<Integer> all = new ArrayList<>(list(prompt));
    all.addAll(expected(prompt, 5));
    assertEquals(all.size() - 1, routed.size(), "the last token never passes through the model");
    for (int i = 0; i < routed.size(); i++) {
      assertEquals(i, routed.get(i).position());
      assertEquals(all.get(i), routed.get(i).token());
      assertEquals(FakeExecutable.LAYERS, routed.get(i).layers().size());
      for (TokenRouting.Layer layer : routed.get(i).layers()) {
        assertArrayEquals(
            FakeExecutable.experts(all.get(i), layer.layer()), layer.experts(), "token " + i);
      }
    }
    events(other, 1);
  }

  @Test
  void endOfTextStopTextAndFullContextEndATextToo() {
    start(4, 10, 10 * CONTEXT);
    int[] prompt = prompt(20, 1);
    SamplingOptions ending =
        new SamplingOptions(0, 1, 1, 0, 1, 1, 0, 0, 0, java.util.Map.of(FakeModel.END, 1000f));
    List<Event> ended =
        events(
            scheduler.submit(
                List.of(
                    new SequenceRequest(
                        prompt,
                        new GenerationOptions(9, ending, 1, List.of(), false),
                        OptionalInt.empty(),
                        false,
                        false))),
            1);
    assertEquals(FinishReason.END_OF_TEXT, ended(ended).reason());
    assertEquals(List.of(FakeModel.END), drawn(ended, 0));
    List<Event> full = events(scheduler.submit(List.of(request(prompt, -1))), 1);
    assertEquals(FinishReason.CONTEXT_FULL, ended(full).reason());
    assertEquals(CONTEXT - 20 + 1, drawn(full, 0).size());
    String text =
        full.stream()
            .map(event -> event instanceof Event.Drawn drawn ? drawn.text() : "")
            .collect(Collectors.joining());
    String stop = text.substring(50, 53);
    List<Event> stopped =
        events(
            scheduler.submit(
                List.of(
                    new SequenceRequest(
                        prompt,
                        new GenerationOptions(-1, NEVER_ENDING, 1, List.of(stop), false),
                        OptionalInt.empty(),
                        false,
                        false))),
            1);
    assertEquals(FinishReason.STOP_TEXT, ended(stopped).reason());
    String before =
        stopped.stream()
            .map(event -> event instanceof Event.Drawn drawn ? drawn.text() : "")
            .collect(Collectors.joining());
    assertEquals(text.substring(0, text.indexOf(stop)), before);
  }

  @Test
  void refusesWhatCanNeverBe() {
    start(1, 10, 10 * CONTEXT);
    for (int[] wrong :
        List.of(new int[0], prompt(CONTEXT + 1, 1), new int[] {FakeModel.VOCABULARY})) {
      assertThrows(InvalidRequest.class, () -> scheduler.submit(List.of(request(wrong, 1))));
    }
    Event.Ended nothing = ended(events(scheduler.submit(List.of(request(prompt(3, 1), 0))), 1));
    assertEquals(0, nothing.drawnTokens());
    assertThrows(InvalidRequest.class, () -> start(129, 1, CONTEXT));
  }

  @Test
  void drainingLetsEverythingEndAndNothingIn() throws InterruptedException {
    model.executable().passMillis = 2;
    start(1, 10, 10 * CONTEXT);
    Ticket running = scheduler.submit(List.of(request(prompt(4, 1), 30)));
    Ticket waiting = scheduler.submit(List.of(request(prompt(4, 2), 30)));
    Thread drainer = Thread.ofVirtual().start(this::drain);
    while (drainer.getState() != Thread.State.TIMED_WAITING) {
      Thread.onSpinWait();
    }
    Refusal refusal =
        assertThrows(Refusal.class, () -> scheduler.submit(List.of(request(prompt(4, 3), 1))));
    assertEquals(Refusal.Reason.STOPPING, refusal.reason());
    assertEquals(expected(prompt(4, 1), 30), drawn(events(running, 1), 0));
    assertEquals(expected(prompt(4, 2), 30), drawn(events(waiting, 1), 0));
    drainer.join();
  }

  private void drain() {
    try {
      assertTrue(scheduler.drain(LONG));
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void closingEndsEverything() throws InterruptedException {
    model.executable().passMillis = 5;
    start(1, 10, 10 * CONTEXT);
    Ticket running = scheduler.submit(List.of(request(prompt(4, 1), 200)));
    Ticket waiting = scheduler.submit(List.of(request(prompt(4, 2), 200)));
    running.next(LONG).orElseThrow();
    assertFalse(scheduler.drain(Duration.ofMillis(20)));
    scheduler.close();
    assertEquals(FinishReason.CANCELLED, ended(events(running, 1)).reason());
    assertInstanceOf(Refusal.class, failure(events(waiting, 1)));
  }
}
