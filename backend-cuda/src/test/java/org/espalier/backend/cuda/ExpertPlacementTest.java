package org.espalier.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.TreeMap;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.ExpertPlacement;
import org.espalier.api.backend.ExpertStore;
import org.espalier.api.backend.ExpertTraffic;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.FileMap;
import org.espalier.backend.cuda.emulator.Machine;
import org.espalier.runtime.Model;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Wherever experts are, and however they come: not a bit changes, and it is told. */
@Tag("cuda")
class ExpertPlacementTest {
  private static final int PROMPT = 36;
  private static final int TOKENS = 3;

  @BeforeEach
  void needsMachine() {
    Machine.need();
  }

  /** Keeps the first experts near, and may have every pass exchange one or copy all. */
  private static final class Scripted implements ExpertPlacement {
    private final int near;
    private final boolean moves;
    private final boolean copies;
    private final Map<Integer, int[]> uses = new TreeMap<>();
    private final List<Double> asked = new ArrayList<>();
    private long moved;
    private int turn;

    Scripted(int near, boolean moves, boolean copies) {
      this.near = near;
      this.moves = moves;
      this.copies = copies;
    }

    @Override
    public boolean isNear(int layer, int expert) {
      return expert < near;
    }

    @Override
    public boolean isCopied(double reads) {
      asked.add(reads);
      return copies;
    }

    @Override
    public boolean learns() {
      return true;
    }

    @Override
    public void used(int layer, int[] rows, long bytes) {
      int[] sums = uses.computeIfAbsent(layer, _ -> new int[rows.length]);
      Arrays.setAll(sums, e -> sums[e] + rows[e]);
      moved += bytes;
    }

    /** Rolls on: who came last goes next, in every layer. */
    @Override
    public List<Exchange> exchanges() {
      if (!moves) {
        return List.of();
      }
      turn++;
      return List.of(
          new Exchange(0, near + turn - 1, turn - 1), new Exchange(1, near + turn - 1, turn - 1));
    }
  }

  /** Logits of a prompt's end and of tokens after it. */
  private static float[][] run(ModelPlan plan, Precision precision, Scripted script) {
    CompileOptions options =
        new CompileOptions(
            precision,
            64,
            OptionalLong.empty(),
            Observer.NONE,
            OptionalInt.of(64),
            FileMap.NONE,
            ExpertStore.NONE,
            script);
    float[][] rows = new float[1 + TOKENS][];
    try (Backend cuda = CudaBackends.open(Map.of("device-memory", "1G"));
        Executable executable = cuda.compile(plan, options).orElseThrow(Unsupported::new);
        Session session = executable.open(new SessionOptions(64, ElementType.F16))) {
      int[] prompt = new int[PROMPT];
      Arrays.setAll(prompt, i -> i * 37 % plan.vocabulary());
      rows[0] = SmallModels.copy(session.forward(new Activations.Tokens(prompt), 1))[0];
      for (int i = 0; i < TOKENS; i++) {
        rows[1 + i] = SmallModels.copy(session.forward(new Activations.Tokens(100 + i), 1))[0];
      }
      List<ExpertTraffic.Home> homes =
          executable.traffic().map(ExpertTraffic::homes).orElse(List.of());
      for (ExpertTraffic.Home home : homes) {
        boolean isHost = home.place().startsWith("host memory");
        int all = script.uses.get(home.layer()).length;
        assertEquals(isHost ? all - script.near : script.near, home.experts().size());
        if (script.moves && isHost) {
          assertTrue(home.experts().contains(0), "the first to go: " + home);
        }
      }
      assertEquals(script.near < script.uses.get(0).length, !homes.isEmpty());
    }
    return rows;
  }

  @Test
  void nothingChangesWhereverTheyAre() {
    try (Model model = SmallModels.open("tiny2k-random.gguf", Precision.FAST, 8, Map.of())) {
      ModelPlan plan = model.plan();
      Scripted read = new Scripted(2, false, false);
      Scripted moved = new Scripted(2, true, false);
      Scripted copied = new Scripted(2, false, true);
      assertSame(plan, Precision.FAST, List.of(read, moved, copied));
      assertTrue(copied.moved < read.moved, copied.moved + " of " + read.moved);
      assertTrue(copied.asked.stream().anyMatch(reads -> reads > 1), copied.asked.toString());
      assertSame(plan, Precision.EXACT, List.of(new Scripted(2, true, true)));
    }
  }

  private static void assertSame(ModelPlan plan, Precision precision, List<Scripted> others) {
    Scripted all = new Scripted(Integer.MAX_VALUE, false, false);
    float[][] expected = run(plan, precision, all);
    assertEquals(0, all.moved);
    for (Scripted other : others) {
      float[][] actual = run(plan, precision, other);
      for (int i = 0; i < expected.length; i++) {
        assertArrayEquals(expected[i], actual[i], precision + " row " + i);
      }
      assertTrue(other.moved > 0);
      assertEquals(all.uses.size(), other.uses.size());
      all.uses.forEach((layer, uses) -> assertArrayEquals(uses, other.uses.get(layer)));
    }
  }
}
