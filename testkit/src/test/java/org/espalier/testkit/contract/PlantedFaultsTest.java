package org.espalier.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.Binding;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ActivationSite;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;

/** Every test of the contract of backends catches a fault of its kind. */
class PlantedFaultsTest {

  @Test
  void withoutFaultAllIsWell() throws Throwable {
    BackendContract contract = contract(_ -> new WrappedBackend());
    run(contract.exactEqualsReference());
    run(contract.truncateForgets());
    run(contract.tellsTheObserver());
    contract.refusesImpossibleRequests();
    contract.refusesWhatIsClosed();
    contract.keepsToTheMemoryLimit();
  }

  @Test
  void wrongLogits() {
    BackendContract contract =
        contract(_ -> changing((plan, row) -> row[0] += plan.givesLogits() ? 1e-3f : 0));
    assertCaught(() -> run(contract.exactEqualsReference()));
  }

  @Test
  void notANumber() {
    BackendContract contract = contract(_ -> changing((_, row) -> row[0] = Float.NaN));
    assertCaught(() -> run(contract.exactEqualsReference()));
    assertCaught(() -> run(contract.fastIsNearReference()));
  }

  @Test
  void crudeArithmetic() {
    BackendContract contract = contract(_ -> changing((_, row) -> row[0] *= 2));
    assertCaught(() -> run(contract.fastIsNearReference()));
  }

  @Test
  void slicesThatLeakPrecision() {
    BackendContract contract =
        contract(_ ->
            changing((plan, row) -> {
              for (int i = 0; i < row.length && !plan.givesLogits(); i++) {
                row[i] = Float.float16ToFloat(Float.floatToFloat16(row[i]));
              }
            }));
    assertCaught(() -> run(contract.wholeEqualsChainOfSlices()));
  }

  @Test
  void cruderKernelForSingleRows() {
    BackendContract contract =
        contract(_ ->
            new WrappedBackend() {
              @Override
              Rows output(ModelPlan plan, Rows output) {
                float[][] rows = Runs.copy(output);
                if (rows.length == 1) {
                  rows[0][0] += 1e-3f;
                }
                return Runs.rows(rows, output.width());
              }
            });
    assertCaught(() -> run(contract.piecesEqualWholePrompt()));
  }

  @Test
  void allRowsWhateverIsWanted() {
    BackendContract contract =
        contract(_ ->
            new WrappedBackend() {
              @Override
              int wanted(int wanted, int count) {
                return count;
              }
            });
    assertCaught(contract::givesTheLastRowsAsWanted);
  }

  @Test
  void truncationThatForgetsNothing() {
    BackendContract contract =
        contract(_ ->
            new WrappedBackend() {
              @Override
              void truncate(Session session, int position) {}
            });
    assertCaught(() -> run(contract.truncateForgets()));
  }

  @Test
  void resultsOfSessionsMixedUp() {
    BackendContract contract =
        contract(_ ->
            new WrappedBackend() {
              @Override
              List<Rows> outputs(List<Rows> outputs) {
                return outputs.reversed();
              }
            });
    assertCaught(() -> run(contract.sessionsTogetherEqualSessionsAlone()));
  }

  @Test
  void callersInEachOthersWay() {
    AtomicInteger inside = new AtomicInteger();
    BackendContract contract =
        contract(_ ->
            new WrappedBackend() {
              @Override
              Activations input(ModelPlan plan, Activations input) {
                boolean alone = inside.incrementAndGet() == 1;
                LockSupport.parkNanos(2_000_000);
                inside.decrementAndGet();
                return alone ? input : new Activations.Tokens(0);
              }
            });
    assertCaught(contract::concurrentCallersWait);
  }

  @Test
  void resultsThatDependOnThreads() {
    BackendContract contract =
        contract(threads -> changing((_, row) -> row[0] *= 1 + threads * 1e-6f));
    assertCaught(() -> run(contract.threadsChangeNothing()));
  }

  @Test
  void cacheOfAnotherType() {
    BackendContract contract =
        contract(_ ->
            new WrappedBackend() {
              @Override
              SessionOptions options(SessionOptions options) {
                return new SessionOptions(options.contextLength(), ElementType.F32);
              }
            });
    assertCaught(contract::roundsTheCacheToItsType);
  }

  @Test
  void unknownTokensLetPass() {
    BackendContract contract =
        contract(_ ->
            new WrappedBackend() {
              @Override
              Activations input(ModelPlan plan, Activations input) {
                return input instanceof Activations.Tokens(int[] ids)
                    ? new Activations.Tokens(
                        Arrays.stream(ids)
                            .map(id -> Math.clamp(id, 0, plan.vocabulary() - 1))
                            .toArray())
                    : input;
              }
            });
    assertCaught(contract::refusesImpossibleRequests);
  }

  @Test
  void rowsLetPassForTokens() {
    BackendContract contract =
        contract(_ ->
            new WrappedBackend() {
              @Override
              Activations input(ModelPlan plan, Activations input) {
                return input instanceof Activations.Tokens && !plan.takesTokens()
                    ? Runs.rows(new float[1][plan.width()], plan.width())
                    : input;
              }
            });
    assertCaught(contract::refusesImpossibleRowsInSlices);
  }

  @Test
  void closedButGoingOn() {
    BackendContract contract =
        contract(_ ->
            new WrappedBackend() {
              @Override
              public void close() {}
            });
    assertCaught(contract::refusesWhatIsClosed);
  }

  @Test
  void memoryLimitIgnored() {
    BackendContract contract =
        contract(_ ->
            new WrappedBackend() {
              @Override
              CompileOptions options(CompileOptions options) {
                return observed(options, options.observer());
              }
            });
    assertCaught(contract::keepsToTheMemoryLimit);
  }

  @Test
  void observerNotToldOfTheHead() {
    BackendContract contract = contract(_ -> observing(Deafened::new));
    assertCaught(() -> run(contract.tellsTheObserver()));
  }

  @Test
  void observerToldWithoutGates() {
    BackendContract contract = contract(_ -> observing(Ungated::new));
    assertCaught(() -> run(contract.tellsTheObserver()));
  }

  @Test
  void observerToldOfEverything() {
    BackendContract contract = contract(_ -> observing(Flooded::new));
    assertCaught(contract::tellsTheObserverOnlyWhatItWants);
  }

  @Test
  void bindingLeftOut() {
    BackendContract contract =
        contract(_ ->
            new WrappedBackend() {
              @Override
              List<Binding> bindings(List<Binding> bindings) {
                return bindings.subList(1, bindings.size());
              }
            });
    assertCaught(() -> run(contract.bindsEveryOperator()));
  }

  @Test
  void threadLeftBehind() {
    CountDownLatch end = new CountDownLatch(1);
    BackendContract contract =
        contract(_ -> {
          Thread.ofPlatform().daemon().name("left-behind").start(() -> await(end));
          return new WrappedBackend();
        });
    assertCaught(contract::closeEndsItsThreads);
    end.countDown();
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private static BackendContract contract(IntFunction<Backend> backends) {
    return new BackendContract() {
      @Override
      protected Backend newBackend(int threads) {
        return backends.apply(threads);
      }
    };
  }

  private interface Change {
    void apply(ModelPlan plan, float[] row);
  }

  /** Changes every row that comes out. */
  private static WrappedBackend changing(Change change) {
    return new WrappedBackend() {
      @Override
      Rows output(ModelPlan plan, Rows output) {
        float[][] rows = Runs.copy(output);
        for (float[] row : rows) {
          change.apply(plan, row);
        }
        return Runs.rows(rows, output.width());
      }
    };
  }

  private interface Wrapping {
    Observer around(Observer observer);
  }

  private static WrappedBackend observing(Wrapping wrapping) {
    return new WrappedBackend() {
      @Override
      CompileOptions options(CompileOptions options) {
        return observed(options, wrapping.around(options.observer()));
      }
    };
  }

  private static CompileOptions observed(CompileOptions options, Observer observer) {
    return new CompileOptions(
        options.precision(), options.maximumRows(), OptionalLong.empty(), observer);
  }

  /** An observer between the backend and the real one. */
  private static class Between implements Observer {
    final Observer observer;

    Between(Observer observer) {
      this.observer = observer;
    }

    @Override
    public boolean wants(ActivationSite site) {
      return observer.wants(site);
    }

    @Override
    public boolean wantsRouting() {
      return observer.wantsRouting();
    }

    @Override
    public void rows(
        ActivationSite site, float[] values, int offset, int count, int width, float[] gates) {
      observer.rows(site, values, offset, count, width, gates);
    }

    @Override
    public void routed(int layer, int row, int[] experts, float[] weights) {
      observer.routed(layer, row, experts, weights);
    }
  }

  private static final class Deafened extends Between {
    Deafened(Observer observer) {
      super(observer);
    }

    @Override
    public boolean wants(ActivationSite site) {
      return super.wants(site) && !(site instanceof ActivationSite.HeadInput);
    }
  }

  private static final class Ungated extends Between {
    Ungated(Observer observer) {
      super(observer);
    }

    @Override
    public void rows(
        ActivationSite site, float[] values, int offset, int count, int width, float[] gates) {
      super.rows(site, values, offset, count, width, new float[0]);
    }
  }

  private static final class Flooded extends Between {
    Flooded(Observer observer) {
      super(observer);
    }

    @Override
    public boolean wants(ActivationSite site) {
      return true;
    }
  }

  private interface Check {
    void run() throws Throwable;
  }

  private static void run(Stream<DynamicTest> tests) throws Throwable {
    for (DynamicTest test : tests.toList()) {
      test.getExecutable().execute();
    }
  }

  private static void assertCaught(Check check) {
    assertThrows(AssertionError.class, check::run);
  }
}
