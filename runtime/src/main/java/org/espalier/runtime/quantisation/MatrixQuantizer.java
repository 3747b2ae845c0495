package org.espalier.runtime.quantisation;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.codec.Packing;
import org.espalier.api.codec.TileQuantizer;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.math.FloatMatrix;
import org.espalier.api.math.LinearAlgebra;
import org.espalier.api.math.Parallel;

/**
 * BlockLDLQ: quantises a matrix tile by tile so that the error of one column block is made up for
 * in those that come after it.
 *
 * <p>The weights are rotated, W̃ = Ĥ diag(signL) W diag(signR) Ĥ, and brought to unit variance.
 * From the last column block to the first, the target of a block is W̃_j + (W̃ − Ŵ) A_j, where A
 * comes from the damped Hessian; its tiles go to the tile search. Rows of tiles are independent of
 * each other, and each is worked on by one thread: the outcome is the same at any thread count.
 *
 * <p>Safe to call from many threads at once.
 */
public final class MatrixQuantizer {
  private final LinearAlgebra algebra;
  private final TileQuantizer tiles;
  private final Parallel parallel;
  private final int refinements;
  private final double enlargement;
  private final Queue<TileQuantizer.Search> idle = new ConcurrentLinkedQueue<>();

  /**
   * A quantiser.
   *
   * @param tiles finds the codes
   * @param parallel runs rows of tiles
   * @param refinements how many times every tile is chosen again after BlockLDLQ, knowing all
   *     others; each takes as long as BlockLDLQ itself. 0 is the algorithm as published
   */
  public MatrixQuantizer(
      LinearAlgebra algebra, TileQuantizer tiles, Parallel parallel, int refinements) {
    this(algebra, tiles, parallel, refinements, 1);
  }

  /**
   * A quantiser whose code is larger than the weights. The targets of a search are the weights and
   * what finished errors ask for besides, so they vary more than weights do.
   *
   * @param enlargement by which the scale is multiplied; 1 is the algorithm as published
   */
  public MatrixQuantizer(
      LinearAlgebra algebra,
      TileQuantizer tiles,
      Parallel parallel,
      int refinements,
      double enlargement) {
    this.algebra = algebra;
    this.tiles = tiles;
    this.parallel = parallel;
    this.refinements = refinements;
    this.enlargement = enlargement;
  }

  /**
   * Rotates and factors a Hessian for matrices of this quantiser, as {@link RotatedHessian#of}
   * does.
   */
  public RotatedHessian rotate(
      String name, FloatMatrix hessian, float[] inputSigns, double damping) {
    return RotatedHessian.of(
        name, hessian, inputSigns, tiles.grid().columns(), damping, algebra, parallel);
  }

  /** The same for the second moment that says how errors of outputs count. */
  public RotatedHessian rotateOutputs(
      String name, FloatMatrix moment, float[] outputSigns, double damping) {
    return RotatedHessian.of(
        name, moment, outputSigns, tiles.grid().rows(), damping, algebra, parallel);
  }

  /** Quantises one matrix of which all outputs count alike. */
  public QuantizedMatrix quantize(
      String name,
      FloatMatrix weights,
      RotatedHessian hessian,
      float[] outputSigns,
      Packing packing) {
    return quantize(name, weights, hessian, Optional.empty(), outputSigns, packing);
  }

  /**
   * Quantises one matrix.
   *
   * @param name for messages
   * @param weights m × n; left as they are
   * @param hessian of its inputs, with the signs of the input rotation
   * @param outputs how errors of two outputs count together, with the signs of the output rotation;
   *     empty: all outputs count alike
   * @param outputSigns m values
   * @param packing of the operator that the matrix belongs to
   * @throws MalformedModel when a weight is not finite
   * @throws Unsupported when the tile search declines to run on this machine
   */
  public QuantizedMatrix quantize(
      String name,
      FloatMatrix weights,
      RotatedHessian hessian,
      Optional<RotatedHessian> outputs,
      float[] outputSigns,
      Packing packing) {
    TileGrid grid = tiles.grid();
    int m = weights.rows();
    int n = weights.columns();
    if (hessian.size() != n
        || outputSigns.length != m
        || m % grid.rows() != 0
        || n % grid.columns() != 0
        || !packing.grid().equals(grid)
        || packing.codeBytes() != tiles.codeBytes()) {
      throw new IllegalArgumentException(
          "%s (%d × %d) goes neither with its Hessian, its signs nor tiles of %d × %d"
              .formatted(name, m, n, grid.rows(), grid.columns()));
    }
    FloatMatrix rotated =
        Rotations.rotate(
            weights,
            outputSigns,
            hessian.inputSigns(),
            (value, row, column) ->
                new MalformedModel(
                    "a weight of %s is %s (row %d, column %d): it cannot be quantised; the checkpoint may be damaged"
                        .formatted(name, value, row, column)),
            algebra,
            parallel);
    double scale = enlargement * rootMeanSquare(rotated);
    if (!Double.isFinite(scale)) {
      throw new MalformedModel(
          "the weights of %s are too large to be quantised; the checkpoint may be damaged"
              .formatted(name));
    }
    float stored = packing.storedScale((float) scale);

    byte[] codes =
        new byte[Math.multiplyExact(m / grid.rows() * (n / grid.columns()), tiles.codeBytes())];
    Rows rows = new Rows(rotated, scale, hessian, codes);
    List<TileRow.Loss> losses =
        outputs.isPresent()
            ? oneByOne(rows, new OutputSide(outputs.get(), grid, n, algebra), stored)
            : independently(rows, stored);
    TileRow.Loss total = TileRow.Loss.NONE;
    for (TileRow.Loss loss : losses) {
      total = total.plus(loss);
    }
    return new QuantizedMatrix(
        codes,
        (float) scale,
        total.weightedError() / m,
        total.weightedEnergy() / m,
        total.energy() == 0 ? 0 : total.error() / total.energy());
  }

  /** A matrix in work. */
  private record Rows(FloatMatrix rotated, double scale, RotatedHessian hessian, byte[] codes) {}

  private int count(Rows rows) {
    return rows.rotated().rows() / tiles.grid().rows();
  }

  private TileRow tileRow(Rows rows, int row) {
    int height = tiles.grid().rows();
    return new TileRow(
        rows.rotated().rows(row * height, height),
        rows.scale(),
        rows.hessian(),
        tiles.grid(),
        algebra,
        rows.codes(),
        tiles.codeBytes(),
        row);
  }

  private Refinement refinement(Rows rows, TileRow tileRow, Optional<FloatMatrix> between) {
    return new Refinement(
        tileRow, rows.hessian(), between, tiles.grid(), tiles.codeBytes(), algebra);
  }

  private List<TileRow.Loss> independently(Rows rows, float stored) {
    TileRow.Loss[] losses = new TileRow.Loss[count(rows)];
    parallel.run(
        losses.length,
        row -> {
          TileQuantizer.Search search = search();
          TileRow tileRow = tileRow(rows, row);
          tileRow.quantize(search);
          for (int pass = 0; pass < refinements; pass++) {
            refinement(rows, tileRow, Optional.empty()).pass(search);
          }
          losses[row] = tileRow.loss(stored);
          idle.add(search);
        });
    return List.of(losses);
  }

  /** Rows that depend on each other, from the last to the first. */
  private List<TileRow.Loss> oneByOne(Rows rows, OutputSide side, float stored) {
    TileQuantizer.Search search = search();
    TileRow[] tileRows = new TileRow[count(rows)];
    for (int row = tileRows.length - 1; row >= 0; row--) {
      tileRows[row] = tileRow(rows, row);
      tileRows[row].shift(side.feedback(row));
      tileRows[row].quantize(search);
      side.put(row, tileRows[row]);
    }
    for (int pass = 0; pass < refinements; pass++) {
      for (int row = tileRows.length - 1; row >= 0; row--) {
        tileRows[row].shift(side.others(row));
        refinement(rows, tileRows[row], Optional.of(side.block(row))).pass(search);
        side.put(row, tileRows[row]);
      }
    }
    idle.add(search);
    return Arrays.stream(tileRows).map(row -> row.loss(stored)).toList();
  }

  private TileQuantizer.Search search() {
    TileQuantizer.Search search = idle.poll();
    return search != null ? search : tiles.newSearch().orElseThrow(Unsupported::new);
  }

  /** √mean(W̃²); 1 for a matrix of zeros. */
  private static double rootMeanSquare(FloatMatrix matrix) {
    double sum = 0;
    for (int i = 0; i < matrix.rows(); i++) {
      double rowSum = 0;
      for (int j = 0; j < matrix.columns(); j++) {
        double value = matrix.get(i, j);
        rowSum += value * value;
      }
      sum += rowSum;
    }
    return sum == 0 ? 1 : Math.sqrt(sum / ((double) matrix.rows() * matrix.columns()));
  }
}
