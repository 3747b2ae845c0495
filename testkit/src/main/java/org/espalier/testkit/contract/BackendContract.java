package org.espalier.testkit.contract;

import static org.espalier.testkit.contract.Agreement.assertClose;
import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.espalier.api.EspalierException;
import org.espalier.api.Offer;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.CacheType;
import org.espalier.api.backend.CacheTypes;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Footprint;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.Step;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.espalier.testkit.fixture.PlanFixture;
import org.espalier.testkit.fixture.PlanFixtures;
import org.espalier.testkit.reference.ReferenceBackend;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * What every backend must hold to. It computes what {@link ReferenceBackend} computes, however the
 * work is cut up, and refuses what cannot be with an {@link EspalierException}.
 */
public abstract class BackendContract {
  private static final int PROMPT = 9;

  /** For authors to extend. */
  protected BackendContract() {}

  /** Starts the backend under test; the contract closes it. */
  protected abstract Backend newBackend(int threads);

  /** The models to run: all, unless the backend cannot run some of them. */
  protected List<PlanFixture> fixtures() {
    return PlanFixtures.all();
  }

  /** The model for tests in which it does not matter which. */
  protected ModelPlan plan() {
    return PlanFixtures.mixed();
  }

  /** Largest relative L2 error of a row of logits, or at FAST of what one stage gives. */
  protected double tolerance(Precision precision) {
    return switch (precision) {
      case EXACT -> 1e-5;
      case FAST -> 5e-2;
    };
  }

  /** It says what it is, each time the same. */
  @Test
  public void namesItself() {
    try (Backend backend = newBackend(1);
        Backend another = newBackend(2)) {
      assertFalse(backend.device().isBlank());
      assertEquals(backend.id(), another.id());
    }
  }

  /** At EXACT it gives the reference's logits. */
  @TestFactory
  public Stream<DynamicTest> exactEqualsReference() {
    return forEachFixture((backend, plan) -> {
      Activations prompt = PlanFixtures.prompt(plan, PROMPT);
      float[][] expected = reference(plan, prompt);
      float[][] actual = Runs.whole(backend, plan, Precision.EXACT, prompt);
      assertClose(expected, actual, tolerance(Precision.EXACT), "logits");
    });
  }

  /**
   * At FAST every stage gives nearly what the reference gives for the same rows. Stage by stage,
   * because an error that is allowed in one may rightly send a token to another expert in the next.
   */
  @TestFactory
  public Stream<DynamicTest> fastIsNearReference() {
    return forEachFixture((backend, plan) -> {
      Activations input = PlanFixtures.prompt(plan, PROMPT);
      for (int stage = 0; stage < plan.stages().size(); stage++) {
        ModelPlan slice = plan.slice(stage, stage + 1);
        float[][] expected = reference(slice, input);
        float[][] actual = Runs.whole(backend, slice, Precision.FAST, input);
        assertClose(expected, actual, tolerance(Precision.FAST), "what stage " + stage + " gives");
        input = Runs.rows(expected, slice.outputWidth());
      }
    });
  }

  /** A plan gives what its stages give one after another, each compiled for itself. */
  @TestFactory
  public Stream<DynamicTest> wholeEqualsChainOfSlices() {
    return forEachFixture((backend, plan) -> {
      Activations prompt = PlanFixtures.prompt(plan, PROMPT);
      Activations input = prompt;
      for (int stage = 0; stage < plan.stages().size(); stage++) {
        ModelPlan slice = plan.slice(stage, stage + 1);
        float[][] rows = Runs.whole(backend, slice, Precision.EXACT, input);
        input = Runs.rows(rows, slice.outputWidth());
      }
      float[][] whole = Runs.whole(backend, plan, Precision.EXACT, prompt);
      float[][] chain = Runs.copy((Rows) input);
      assertClose(whole, chain, tolerance(Precision.EXACT), "the chain of slices");
    });
  }

  /** A prompt gives the same token by token, in uneven pieces, and at once. */
  @TestFactory
  public Stream<DynamicTest> piecesEqualWholePrompt() {
    return forEachFixture((backend, plan) -> {
      Activations.Tokens prompt = PlanFixtures.prompt(plan, PROMPT);
      try (Executable executable = Runs.compile(backend, plan, Precision.EXACT)) {
        float[][] whole = Runs.whole(executable, prompt);
        assertPieces(executable, prompt, whole, 1, 2, 3, 4, 5, 6, 7, 8, 9);
        assertPieces(executable, prompt, whole, 3, 4, 9);
        assertPieces(executable, prompt, whole, 7, 9);
      }
    });
  }

  /**
   * @param ends where the pieces end
   */
  private void assertPieces(
      Executable executable, Activations.Tokens prompt, float[][] whole, int... ends) {
    float[][] pieces = new float[0][];
    try (Session session = Runs.open(executable)) {
      for (int end : ends) {
        Activations piece = Runs.part(prompt, session.position(), end);
        pieces = Runs.joined(pieces, Runs.copy(session.forward(piece, piece.count())));
        assertEquals(end, session.position(), "position after a piece");
      }
    }
    assertClose(whole, pieces, tolerance(Precision.EXACT), ends.length + " pieces");
  }

  /** As many rows come back as were asked for, the last ones, whether or not there is a head. */
  @Test
  public void givesTheLastRowsAsWanted() {
    try (Backend backend = newBackend(2)) {
      assertWanted(backend, plan());
      assertWanted(backend, plan().slice(0, plan().stages().size() - 1));
    }
  }

  private void assertWanted(Backend backend, ModelPlan plan) {
    Activations prompt = PlanFixtures.prompt(plan, PROMPT);
    try (Executable executable = Runs.compile(backend, plan, Precision.EXACT)) {
      float[][] whole = Runs.whole(executable, prompt);
      for (int wanted : new int[] {0, 1, 4, PROMPT}) {
        try (Session session = Runs.open(executable)) {
          Rows rows = session.forward(prompt, wanted);
          assertEquals(wanted, rows.count(), "rows that came back");
          assertEquals(plan.outputWidth(), rows.width(), "width of the rows");
          assertEquals(PROMPT, session.position(), "position, however many rows are wanted");
          float[][] expected = Runs.last(whole, wanted);
          assertClose(expected, Runs.copy(rows), tolerance(Precision.EXACT), "wanted rows");
        }
      }
    }
  }

  /** After going back, a session is as if it had never been further. */
  @TestFactory
  public Stream<DynamicTest> truncateForgets() {
    return forEachFixture((backend, plan) -> {
      Activations.Tokens first = PlanFixtures.prompt(plan, PROMPT);
      Activations.Tokens second = PlanFixtures.prompt(plan, PROMPT + 1);
      try (Executable executable = Runs.compile(backend, plan, Precision.EXACT);
          Session session = Runs.open(executable)) {
        float[][] whole = Runs.copy(session.forward(first, PROMPT));
        session.truncate(4);
        assertEquals(4, session.position(), "position after going back");
        float[][] branch = Runs.copy(session.forward(Runs.part(second, 0, 5), 5));
        assertClose(
            branched(executable, first, second), branch, tolerance(Precision.EXACT), "branch");
        session.truncate(0);
        float[][] again = Runs.copy(session.forward(first, PROMPT));
        Agreement.assertSame(whole, again, "the replay");
      }
    });
  }

  /** Four positions of one prompt and five of another, in a session of its own. */
  private static float[][] branched(
      Executable executable, Activations.Tokens first, Activations.Tokens second) {
    try (Session fresh = Runs.open(executable)) {
      fresh.forward(Runs.part(first, 0, 4), 0);
      return Runs.copy(fresh.forward(Runs.part(second, 0, 5), 5));
    }
  }

  /** A beginning that was copied is as good as one that was read, and the two then live apart. */
  @TestFactory
  public Stream<DynamicTest> copiesBeginnings() {
    return forEachFixture((backend, plan) -> {
      Activations.Tokens prompt = PlanFixtures.prompt(plan, PROMPT);
      Activations.Tokens other = PlanFixtures.prompt(plan, PROMPT + 1);
      try (Executable executable = Runs.compile(backend, plan, Precision.EXACT);
          Session source = Runs.open(executable);
          Session target = Runs.open(executable)) {
        float[][] whole = Runs.copy(source.forward(prompt, PROMPT));
        target.forward(Runs.part(other, 0, 7), 0);
        if (target.copyFrom(source, 6)) {
          assertEquals(List.of(PROMPT, 6), List.of(source.position(), target.position()));
          double tolerance = tolerance(Precision.EXACT);
          source.truncate(0);
          float[][] otherwise = Runs.copy(source.forward(other, PROMPT + 1));
          float[][] rest = Runs.copy(target.forward(Runs.part(prompt, 6, PROMPT), 3));
          assertClose(Runs.last(whole, 3), rest, tolerance, "after a copied beginning");
          assertClose(Runs.whole(executable, other), otherwise, tolerance, "where it came from");
        } else {
          assertTrue(target.position() <= 7, "what is left where nothing could be copied");
        }
      }
    });
  }

  /** Several sessions in one pass get what each would have got alone. */
  @TestFactory
  public Stream<DynamicTest> sessionsTogetherEqualSessionsAlone() {
    return forEachFixture((backend, plan) -> {
      Activations.Tokens prompt = PlanFixtures.prompt(plan, PROMPT);
      try (Executable executable = Runs.compile(backend, plan, Precision.EXACT);
          Session a = Runs.open(executable);
          Session b = Runs.open(executable);
          Session c = Runs.open(executable)) {
        float[][] whole = Runs.whole(executable, prompt);
        float[][] tail = Runs.whole(executable, Runs.part(prompt, 5, PROMPT));
        b.forward(Runs.part(prompt, 0, 6), 0);
        List<Rows> together =
            executable.forward(
                List.of(
                    new Step(a, Runs.part(prompt, 0, 4), 4),
                    new Step(b, Runs.part(prompt, 6, PROMPT), 2),
                    new Step(c, Runs.part(prompt, 5, PROMPT), 1)));
        assertEquals(3, together.size(), "one result per step");
        assertEquals(
            List.of(4, 2, 1), together.stream().map(Rows::count).toList(), "rows of each step");
        double tolerance = tolerance(Precision.EXACT);
        float[][] firstFour = Runs.first(whole, 4);
        assertClose(firstFour, Runs.copy(together.get(0)), tolerance, "the first session");
        assertClose(Runs.last(whole, 2), Runs.copy(together.get(1)), tolerance, "the second");
        assertClose(Runs.last(tail, 1), Runs.copy(together.get(2)), tolerance, "the third");
        assertEquals(List.of(4, PROMPT, 4), List.of(a.position(), b.position(), c.position()));
      }
    });
  }

  /**
   * Callers from several threads, each with a session of its own, wait for one another. They ask
   * for no rows, since those are valid only until the next pass of the executable; what is left in
   * their caches shows afterwards, one by one.
   */
  @Test
  public void concurrentCallersWait() {
    Activations.Tokens prompt = PlanFixtures.prompt(plan(), PROMPT);
    try (Backend backend = newBackend(2);
        Executable executable = Runs.compile(backend, plan(), Precision.EXACT);
        ExecutorService callers = Executors.newFixedThreadPool(4)) {
      float[][] whole = Runs.whole(executable, prompt);
      List<Session> sessions = Stream.generate(() -> Runs.open(executable)).limit(4).toList();
      List<Future<?>> calls = new ArrayList<>();
      for (Session session : sessions) {
        calls.add(callers.submit(() -> advance(session, Runs.part(prompt, 0, PROMPT - 1))));
      }
      assertAll(calls.stream().map(call -> call::get));
      for (Session session : sessions) {
        assertEquals(PROMPT - 1, session.position(), "position after concurrent passes");
        Rows rows = session.forward(Runs.part(prompt, PROMPT - 1, PROMPT), 1);
        float[][] expected = Runs.last(whole, 1);
        assertClose(expected, Runs.copy(rows), tolerance(Precision.EXACT), "a caller's last row");
        session.close();
      }
    }
  }

  private static void advance(Session session, Activations.Tokens tokens) {
    for (int i = 0; i < tokens.count(); i++) {
      session.forward(Runs.part(tokens, i, i + 1), 0);
    }
  }

  /** The number of threads changes no bit of the result, at either precision. */
  @TestFactory
  public Stream<DynamicTest> threadsChangeNothing() {
    return fixtures().stream()
        .map(fixture ->
            NamedTest.of(
                fixture.name(),
                () -> {
                  for (Precision precision : Precision.values()) {
                    assertThreadsChangeNothing(fixture.plan(), precision);
                  }
                }));
  }

  private void assertThreadsChangeNothing(ModelPlan plan, Precision precision) {
    Activations prompt = PlanFixtures.prompt(plan, PROMPT);
    float[][] single = new float[0][];
    for (int threads : new int[] {1, 2, 3, 5}) {
      try (Backend backend = newBackend(threads)) {
        float[][] rows = Runs.whole(backend, plan, precision, prompt);
        single = threads == 1 ? rows : single;
        Agreement.assertSame(single, rows, "%s with %d threads".formatted(precision, threads));
      }
    }
  }

  /**
   * Keys and values are rounded to the type of the cache before anyone reads them, so that pieces
   * of a prompt still equal the whole. F16 is a must; anything else may be refused in words.
   */
  @Test
  public void roundsTheCacheToItsType() {
    Activations prompt = PlanFixtures.prompt(plan(), PROMPT);
    CacheTypes must = CacheTypes.both(CacheType.F16);
    for (CacheTypes type :
        List.of(
            must,
            CacheTypes.both(CacheType.BF16),
            CacheTypes.both(CacheType.Q8_0),
            new CacheTypes(CacheType.Q8_0, CacheType.F16),
            new CacheTypes(CacheType.F32, CacheType.Q8_0))) {
      try (Backend backend = newBackend(2);
          Backend reference = ReferenceBackend.create()) {
        float[] unrounded = cached(reference, CacheTypes.both(CacheType.F32), prompt);
        float[] expected = cached(reference, type, prompt);
        float[] actual = cached(backend, type, prompt);
        // A key whose last bit was computed otherwise may be rounded to the other side.
        double tolerance = Agreement.relativeError(expected, unrounded) / 2;
        assertClose(
            expected,
            actual,
            tolerance,
            "logits with keys and values rounded to " + type + " as they enter the cache");
      } catch (EspalierException.Unsupported refused) {
        assertFalse(type.equals(must), refused::getMessage);
      }
    }
  }

  /** Logits of all positions, one row after another. */
  private float[] cached(Backend backend, CacheTypes type, Activations prompt) {
    float[] logits = new float[prompt.count() * plan().vocabulary()];
    try (Executable executable = Runs.compile(backend, plan(), Precision.EXACT);
        Session session = executable.open(new SessionOptions(Runs.ROWS, type))) {
      Rows rows = session.forward(prompt, prompt.count());
      for (int row = 0; row < rows.count(); row++) {
        rows.read(row, logits, row * rows.width());
      }
    }
    return logits;
  }

  /** What cannot be is refused in words, and a refused pass leaves the session as it was. */
  @Test
  public void refusesImpossibleRequests() {
    Activations.Tokens prompt = PlanFixtures.prompt(plan(), PROMPT);
    Activations.Tokens tooMany = PlanFixtures.prompt(plan(), Runs.ROWS + 1);
    Activations unknown = new Activations.Tokens(0, plan().vocabulary());
    Activations negative = new Activations.Tokens(-1);
    Activations rows = Runs.rows(new float[2][plan().width()], plan().width());
    try (Backend backend = newBackend(2);
        Executable executable = Runs.compile(backend, plan(), Precision.EXACT);
        Executable other = Runs.compile(backend, plan(), Precision.EXACT);
        Session session = executable.open(new SessionOptions(PROMPT + 2, ElementType.F32));
        Session roomy = executable.open(new SessionOptions(99, ElementType.F32));
        Session stranger = Runs.open(other)) {
      float[][] expected = Runs.whole(executable, prompt);
      session.forward(Runs.part(prompt, 0, 4), 0);
      Step step = new Step(session, Runs.part(prompt, 4, 5), 1);
      assertAll(
          () -> assertRefused("more rows than compiled for", () -> roomy.forward(tooMany, 1)),
          () -> assertRefused("more positions than context", () -> session.forward(prompt, 1)),
          () -> assertRefused("an unknown token", () -> session.forward(unknown, 1)),
          () -> assertRefused("a negative token", () -> session.forward(negative, 1)),
          () -> assertRefused("rows for tokens", () -> session.forward(rows, 1)),
          () -> assertRefused("more wanted than given", () -> session.forward(negative, 2)),
          () -> assertRefused("a negative number of rows", () -> session.forward(prompt, -1)),
          () -> assertRefused("going forward", () -> session.truncate(5)),
          () -> assertRefused("going back too far", () -> session.truncate(-1)),
          () -> assertCopyRefused("more than there is", roomy, session, 5),
          () -> assertCopyRefused("less than nothing", roomy, session, -1),
          () -> assertCopyRefused("from a stranger", roomy, stranger, 0),
          () -> assertRefused("a session twice", () -> executable.forward(List.of(step, step))),
          () ->
              assertRefused(
                  "a stranger", () -> executable.forward(List.of(step, stranger(stranger)))));
      assertEquals(4, session.position(), "position after refusals");
      assertEquals(0, roomy.position(), "position of another session after refusals");
      float[][] rest = Runs.copy(session.forward(Runs.part(prompt, 4, PROMPT), 5));
      assertClose(Runs.last(expected, 5), rest, tolerance(Precision.EXACT), "after refusals");
    }
  }

  /** A backend that cannot copy at all need not look at what it is asked. */
  private static void assertCopyRefused(String what, Session to, Session from, int positions) {
    try {
      assertFalse(to.copyFrom(from, positions), () -> "copying " + what);
    } catch (EspalierException refused) {
      assertFalse(refused.getMessage().isBlank(), () -> "a refusal needs words: " + what);
    }
  }

  private static Step stranger(Session session) {
    return new Step(session, new Activations.Tokens(0), 1);
  }

  /** A slice that takes rows refuses token ids, and rows of another width. */
  @Test
  public void refusesImpossibleRowsInSlices() {
    ModelPlan slice = plan().slice(1, 3);
    int width = slice.width();
    try (Backend backend = newBackend(1);
        Executable executable = Runs.compile(backend, slice, Precision.EXACT);
        Session session = Runs.open(executable)) {
      assertRefused("tokens for rows", () -> session.forward(new Activations.Tokens(0), 1));
      Rows wide = Runs.rows(new float[1][width + 1], width + 1);
      assertRefused("rows of another width", () -> session.forward(wide, 1));
    }
  }

  /** Nothing runs after it was closed, and closing twice does no harm. */
  @Test
  @SuppressWarnings("try") // closing early, and then again, is the matter of this test
  public void refusesWhatIsClosed() {
    Activations token = new Activations.Tokens(1);
    try (Backend backend = newBackend(2);
        Executable executable = Runs.compile(backend, plan(), Precision.EXACT);
        Session first = Runs.open(executable);
        Session second = Runs.open(executable);
        Executable survivor = Runs.compile(backend, plan(), Precision.EXACT);
        Session third = Runs.open(survivor)) {
      first.close();
      assertRefused("a closed session", () -> first.forward(token, 1));
      assertEquals(1, second.forward(token, 1).count(), "the other session goes on");
      executable.close();
      assertRefused("a closed executable", () -> second.forward(token, 1));
      assertRefused("a session of a closed executable", () -> Runs.open(executable));
      assertEquals(1, third.forward(token, 1).count(), "the other executable goes on");
      backend.close();
      assertRefused("a closed backend's executable", () -> third.forward(token, 1));
      assertRefused("compiling by a closed backend", () -> compileAgain(backend));
    }
  }

  private void compileAgain(Backend backend) {
    CompileOptions options = CompileOptions.of(Precision.EXACT, Runs.ROWS);
    backend.compile(plan(), options).orElseThrow(EspalierException.InvalidRequest::new).close();
  }

  /** What it says it needs is enough; with less, it declines in numbers. */
  @Test
  public void keepsToTheMemoryLimit() {
    SessionOptions session = new SessionOptions(Runs.ROWS, ElementType.F32);
    SessionOptions endless = new SessionOptions(1 << 20, ElementType.F32);
    for (Precision precision : Precision.values()) {
      try (Backend backend = newBackend(2)) {
        CompileOptions unlimited = CompileOptions.of(precision, Runs.ROWS);
        Footprint footprint = backend.footprint(plan(), unlimited, session);
        CompileOptions enough = limited(precision, footprint.total());
        try (Executable executable = Runs.compile(backend, plan(), enough)) {
          assertRefused("a cache beyond the limit", () -> executable.open(endless).close());
          try (Session within = executable.open(session)) {
            assertEquals(1, within.forward(new Activations.Tokens(1), 1).count());
          }
        }
        long tooLittle = (footprint.weights() + footprint.scratch()) / 2;
        assertDeclinedInNumbers(backend.compile(plan(), limited(precision, tooLittle)));
      }
    }
  }

  private static CompileOptions limited(Precision precision, long bytes) {
    return new CompileOptions(precision, Runs.ROWS, OptionalLong.of(bytes), Observer.NONE);
  }

  private static void assertDeclinedInNumbers(Offer<Executable> offer) {
    switch (offer) {
      case Offer.Accepted<Executable>(Executable executable) -> {
        executable.close();
        throw new AssertionError("a plan was accepted that does not fit under the memory limit");
      }
      case Offer.Declined<Executable>(String reason) ->
          assertTrue(reason.matches("(?s).*\\d.*\\d.*"), () -> "no numbers in: " + reason);
    }
  }

  /** A longer context needs a larger cache, and more rows no smaller scratch memory. */
  @Test
  public void footprintGrowsWithWhatIsAsked() {
    try (Backend backend = newBackend(1)) {
      SessionOptions small = new SessionOptions(10, ElementType.F32);
      SessionOptions large = new SessionOptions(1000, ElementType.F32);
      CompileOptions few = CompileOptions.of(Precision.EXACT, 1);
      CompileOptions many = CompileOptions.of(Precision.EXACT, 100);
      Footprint least = backend.footprint(plan(), few, small);
      assertTrue(least.mapped() >= 0 && least.weights() >= 0 && least.scratch() >= 0);
      assertTrue(least.mapped() + least.weights() > 0, "weights need memory");
      assertTrue(backend.footprint(plan(), few, large).cache() > least.cache(), "cache");
      assertTrue(backend.footprint(plan(), many, small).scratch() >= least.scratch(), "scratch");
    }
  }

  /** An observer is told the reference's values in the reference's order. */
  @TestFactory
  public Stream<DynamicTest> tellsTheObserver() {
    return forEachFixture((backend, plan) -> {
      Recorder expected = new Recorder(_ -> true, true);
      Recorder actual = new Recorder(_ -> true, true);
      try (Backend reference = ReferenceBackend.create()) {
        observe(reference, plan, expected);
      }
      observe(backend, plan, actual);
      actual.assertAgrees(expected, tolerance(Precision.EXACT));
    });
  }

  /** An observer is told nothing that it does not want. */
  @Test
  public void tellsTheObserverOnlyWhatItWants() {
    try (Backend backend = newBackend(3)) {
      Recorder hidden =
          new Recorder(site -> site.equals(new ActivationSite.ExpertHidden(1, 2)), false);
      observe(backend, plan(), hidden);
      assertEquals(1, hidden.sites(), "sites that were told about");
      Recorder routing = new Recorder(_ -> false, true);
      observe(backend, plan(), routing);
      assertEquals(2, routing.sites(), "layers whose routing was told about");
    }
  }

  /** Two sessions in one pass, with few rows wanted. */
  private static void observe(Backend backend, ModelPlan plan, Observer observer) {
    Activations.Tokens prompt = PlanFixtures.prompt(plan, PROMPT);
    try (Executable executable = Runs.compile(backend, plan, Precision.EXACT, observer);
        Session a = Runs.open(executable);
        Session b = Runs.open(executable)) {
      executable.forward(List.of(new Step(a, prompt, 3), new Step(b, Runs.part(prompt, 2, 6), 1)));
    }
  }

  /** Every operator has exactly one binding, with a kernel's name. */
  @TestFactory
  public Stream<DynamicTest> bindsEveryOperator() {
    return forEachFixture((backend, plan) -> {
      for (Precision precision : Precision.values()) {
        try (Executable executable = Runs.compile(backend, plan, precision)) {
          assertEquals(plan, executable.plan());
          assertEquals(
              names(plan.linears().stream().map(EncodedLinear::id)),
              names(executable.bindings().stream().map(Binding::operator)));
          executable.bindings().forEach(binding -> assertFalse(binding.kernel().isBlank()));
        }
      }
    });
  }

  private static List<String> names(Stream<?> operators) {
    return operators.map(Object::toString).sorted().toList();
  }

  /** When it is closed, its threads end, and closing it again does no harm. */
  @Test
  @SuppressWarnings("try") // closing early, and then again, is the matter of this test
  public void closeEndsItsThreads() throws InterruptedException {
    Set<Thread> before = Thread.getAllStackTraces().keySet();
    try (Backend backend = newBackend(3)) {
      Runs.whole(backend, plan(), Precision.EXACT, PlanFixtures.prompt(plan(), PROMPT));
      backend.close();
      long patience = System.nanoTime() + 2_000_000_000L;
      while (!startedSince(before).isEmpty() && System.nanoTime() < patience) {
        Thread.sleep(10);
      }
      assertEquals(List.of(), startedSince(before), "threads that outlive the backend");
    }
  }

  /** Names of live threads that were not there before, less those that the JDK keeps for all. */
  private static List<String> startedSince(Set<Thread> before) {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> !before.contains(thread))
        .map(Thread::getName)
        .filter(name -> !name.matches("ForkJoinPool\\.commonPool.*|.*Cleaner.*|process reaper.*"))
        .collect(Collectors.toCollection(ArrayList::new));
  }

  private static float[][] reference(ModelPlan plan, Activations input) {
    try (Backend reference = ReferenceBackend.create()) {
      return Runs.whole(reference, plan, Precision.EXACT, input);
    }
  }

  private static void assertRefused(String what, Runnable request) {
    EspalierException refusal =
        assertThrows(EspalierException.class, request::run, () -> what + " should be refused");
    assertFalse(refusal.getMessage().isBlank(), () -> "a refusal of " + what + " needs words");
  }

  /** A test per fixture, each with a backend of its own on two threads. */
  private Stream<DynamicTest> forEachFixture(FixtureTest test) {
    return fixtures().stream()
        .map(fixture ->
            NamedTest.of(
                fixture.name(),
                () -> {
                  try (Backend backend = newBackend(2)) {
                    test.run(backend, fixture.plan());
                  }
                }));
  }

  @FunctionalInterface
  private interface FixtureTest {
    void run(Backend backend, ModelPlan plan);
  }
}
