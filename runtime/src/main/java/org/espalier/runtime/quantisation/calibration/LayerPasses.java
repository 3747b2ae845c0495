package org.espalier.runtime.quantisation.calibration;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.IntConsumer;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.HostRows;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.backend.Step;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.espalier.runtime.loading.Backends;
import org.espalier.runtime.loading.CompiledPlan;

/**
 * Runs all calibration sequences through slices of a plan, several sequences per pass.
 *
 * @param backends of which one runs the slices
 * @param threads of it
 * @param named the backend to use; the best where empty
 * @param width of the residual stream
 * @param sequences how many
 * @param length positions of each
 */
public record LayerPasses(
    List<BackendProvider> backends,
    int threads,
    Optional<BackendId> named,
    int width,
    int sequences,
    int length) {
  private static final int ROWS_PER_PASS = 2048;

  /** Keeps what it was given. */
  public LayerPasses {
    backends = List.copyOf(backends);
  }

  /** How many sequences of a length go through together. */
  public static int together(int length, int sequences) {
    return Math.clamp(ROWS_PER_PASS / length, 1, sequences);
  }

  /** Where the rows of a sequence come from. */
  @FunctionalInterface
  public interface Input {
    /** All positions of a sequence. */
    Activations sequence(int index);
  }

  /** Rows of the residual stream as an input. */
  public Input input(ResidualRows.Reader reader) {
    return index -> new HostRows(reader.sequence(index), 0, length, width);
  }

  /**
   * Runs one slice.
   *
   * @param output receives what comes out, sequence by sequence; empty when nobody needs it
   * @param progress told the number of sequences that are through; may throw to end the work
   */
  public void run(
      ModelPlan slice,
      Input input,
      Optional<ResidualRows.Writer> output,
      Observer observer,
      IntConsumer progress) {
    int together = together(length, sequences);
    CompileOptions options =
        new CompileOptions(Precision.EXACT, together * length, OptionalLong.empty(), observer);
    List<Session> sessions = new ArrayList<>();
    Backends machines = new Backends(backends, threads, Map.of());
    try (CompiledPlan compiled = machines.compile(named, slice, options)) {
      try {
        for (int i = 0; i < together; i++) {
          sessions.add(compiled.executable().open(new SessionOptions(length, ElementType.F32)));
        }
        for (int first = 0; first < sequences; first += together) {
          int count = Math.min(together, sequences - first);
          List<Step> steps = new ArrayList<>();
          for (int i = 0; i < count; i++) {
            sessions.get(i).truncate(0);
            steps.add(
                new Step(
                    sessions.get(i), input.sequence(first + i), output.isPresent() ? length : 0));
          }
          List<Rows> results = compiled.executable().forward(steps);
          output.ifPresent(writer -> results.forEach(rows -> writer.append(read(rows))));
          progress.accept(first + count);
        }
      } finally {
        sessions.forEach(Session::close);
      }
    }
  }

  private float[] read(Rows rows) {
    float[] values = new float[length * width];
    for (int row = 0; row < length; row++) {
      rows.read(row, values, row * width);
    }
    return values;
  }
}
