package org.espalier.runtime.loading;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.DeviceFailure;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.backend.Accelerator;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Precision;
import org.espalier.api.model.ModelPlan;
import org.junit.jupiter.api.Test;

final class BackendsTest {
  private static final ModelPlan PLAN = new ModelPlan("none", 1, 1, 1, List.of());
  private static final CompileOptions OPTIONS = CompileOptions.of(Precision.FAST, 7);

  private final List<String> log = new ArrayList<>();
  private final FakeBackend slow = new FakeBackend("slow", 1, log);
  private final FakeBackend fast = new FakeBackend("fast", 9, log);

  @Test
  void theMostPreferredIsTaken() {
    CompiledPlan compiled = compile(slow, fast);
    assertEquals(new BackendId("fast"), compiled.backend());
    assertEquals("an abacus", compiled.device());
    assertEquals(List.of(), compiled.declined());
    assertSame(OPTIONS, fast.compiledWith);
    compiled.close();
    compiled.close();
    assertEquals(
        List.of("open fast", "compile fast", "close executable of fast", "close fast"), log);
  }

  @Test
  void whereItDoesNotStartTheNextIsTaken() {
    fast.opening = context -> Offer.declined("no device");
    CompiledPlan compiled = compile(slow, fast);
    assertEquals(new BackendId("slow"), compiled.backend());
    assertEquals(List.of("fast: no device"), compiled.declined());
  }

  @Test
  void whereItDoesNotCompileItIsClosedAndTheNextIsTaken() {
    fast.compiling = plan -> Offer.declined("needs 9 GB");
    CompiledPlan compiled = compile(slow, fast);
    assertEquals(List.of("fast: needs 9 GB"), compiled.declined());
    assertEquals(
        List.of("open fast", "compile fast", "close fast", "open slow", "compile slow"), log);
  }

  @Test
  void aDeviceThatIsPassedOverIsSaidOnce() {
    fast.compiling = plan -> Offer.declined("needs 9 GB");
    List<String> notices = new ArrayList<>();
    Backends backends = new Backends(List.of(slow, fast), 1, Map.of());
    CompiledPlan onHost = backends.compile(Optional.empty(), PLAN, OPTIONS, notices::add);
    assertEquals(Optional.empty(), onHost.accelerator());
    assertEquals(List.of(), notices, "it has no device of its own");
    fast.accelerator = Optional.of(new Abacus());
    backends.compile(Optional.empty(), PLAN, OPTIONS, notices::add).close();
    assertEquals(List.of("runs on slow, not on fast: needs 9 GB"), notices);
    slow.accelerator = fast.accelerator;
    assertEquals(slow.accelerator, compile(slow).accelerator());
  }

  private static final class Abacus implements Accelerator {
    @Override
    public String name() {
      return "an abacus";
    }

    @Override
    public double memoryBandwidth() {
      return 2;
    }
  }

  @Test
  void whereItsDeviceFailsItIsClosedAndTheNextIsTaken() {
    fast.compiling =
        plan -> {
          throw new DeviceFailure("out of memory");
        };
    assertEquals(List.of("fast: out of memory"), compile(slow, fast).declined());
    assertTrue(log.contains("close fast"));
  }

  @Test
  void otherFailuresAreNotSweptUnderTheCarpet() {
    fast.compiling =
        plan -> {
          throw new MalformedModel("odd");
        };
    assertThrows(MalformedModel.class, () -> compile(slow, fast));
    assertEquals(List.of("open fast", "compile fast", "close fast"), log);
  }

  @Test
  void allReasonsAreGivenWhenNobodyCan() {
    fast.compiling = plan -> Offer.declined("needs 9 GB");
    slow.opening = context -> Offer.declined("no device");
    Unsupported failure = assertThrows(Unsupported.class, () -> compile(slow, fast));
    assertTrue(
        failure.getMessage().contains("fast: needs 9 GB; slow: no device"), failure.getMessage());
    assertThrows(Unsupported.class, this::compile);
  }

  @Test
  void aNamedOneIsTakenOrNone() {
    assertEquals(new BackendId("slow"), compileOn("slow", slow, fast).backend());
    slow.compiling = plan -> Offer.declined("needs 9 GB");
    Unsupported failure = assertThrows(Unsupported.class, () -> compileOn("slow", slow, fast));
    assertTrue(failure.getMessage().contains("'slow'"), failure.getMessage());
    assertTrue(failure.getMessage().contains("needs 9 GB"), failure.getMessage());
    slow.compiling =
        plan -> {
          throw new DeviceFailure("out of memory");
        };
    assertThrows(DeviceFailure.class, () -> compileOn("slow", slow, fast));
    assertEquals(2, log.stream().filter("close slow"::equals).count());
    failure = assertThrows(Unsupported.class, () -> compileOn("odd", slow, fast));
    assertTrue(failure.getMessage().contains("fast, slow"), failure.getMessage());
  }

  @Test
  void theyAreToldThreadsAndSettings() {
    slow.opening =
        context -> {
          assertEquals(3, context.threads());
          assertEquals(Map.of("a", "b"), context.settings());
          return slow.started(context);
        };
    compile(slow).close();
    assertTrue(log.contains("compile slow"));
  }

  @Test
  void aComposedBackendIsClosedBeforeItsParts() {
    fast.opening =
        context -> {
          assertInstanceOf(Offer.Accepted.class, context.other(slow.id()));
          return fast.started(context);
        };
    compile(slow, fast).close();
    assertEquals(
        List.of(
            "open slow",
            "open fast",
            "compile fast",
            "close executable of fast",
            "close fast",
            "close slow"),
        log);
  }

  @Test
  void partsAreClosedOnceHoweverOftenTheyAreAskedTo() {
    fast.opening =
        context -> {
          Backend part = context.other(slow.id()).orElseThrow(Unsupported::new);
          assertEquals(slow.id(), part.id());
          part.close();
          return Offer.declined("does not like its part");
        };
    fast.compiling = plan -> Offer.declined("never asked");
    assertThrows(Unsupported.class, () -> compileOn("fast", slow, fast));
    assertEquals(List.of("open slow", "close slow"), log);
  }

  @Test
  void noBackendIsPartOfItself() {
    List<Offer<Backend>> answers = new ArrayList<>();
    slow.opening =
        context -> {
          answers.add(context.other(fast.id()));
          return slow.started(context);
        };
    fast.opening =
        context -> {
          answers.add(context.other(fast.id()));
          answers.add(context.other(new BackendId("odd")));
          answers.add(context.other(slow.id()));
          return fast.started(context);
        };
    compile(slow, fast);
    assertInstanceOf(Offer.Declined.class, answers.get(0));
    assertInstanceOf(Offer.Declined.class, answers.get(1));
    assertInstanceOf(Offer.Declined.class, answers.get(2), "asked by its own part");
    assertInstanceOf(Offer.Accepted.class, answers.get(3));
  }

  private CompiledPlan compile(BackendProvider... providers) {
    return backends(providers).compile(Optional.empty(), PLAN, OPTIONS);
  }

  private CompiledPlan compileOn(String id, BackendProvider... providers) {
    return backends(providers).compile(Optional.of(new BackendId(id)), PLAN, OPTIONS);
  }

  private static Backends backends(BackendProvider... providers) {
    return new Backends(List.of(providers), 3, Map.of("a", "b"));
  }
}
