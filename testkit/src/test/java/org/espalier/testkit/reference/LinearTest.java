package org.espalier.testkit.reference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.Random;
import java.util.stream.Stream;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.linear.Rotation;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.tensor.ElementType;
import org.espalier.testkit.fixture.RandomWeights;
import org.espalier.testkit.fixture.WeightEncoding;
import org.espalier.testkit.fixture.WeightEncoding.Plain;
import org.espalier.testkit.fixture.WeightEncoding.Tiles;
import org.espalier.testkit.fixture.WeightEncoding.Turn;
import org.espalier.testkit.number.Elements;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Banks of linears against matrices that are written out in full. */
class LinearTest {
  static Stream<Arguments> banks() {
    return Stream.of(
        Arguments.of(new LinearShape(1, 5, 7), new Plain(ElementType.F32)),
        Arguments.of(new LinearShape(3, 4, 9), new Plain(ElementType.F16)),
        Arguments.of(new LinearShape(2, 1, 3), new Plain(ElementType.BF16)),
        Arguments.of(
            new LinearShape(2, 16, 32), new Tiles(new TileGrid(16, 16), Turn.WHOLE, Turn.WHOLE)),
        Arguments.of(
            new LinearShape(3, 12, 24),
            new Tiles(new TileGrid(4, 3), new Turn(4, true), new Turn(2, true))),
        Arguments.of(
            new LinearShape(1, 6, 8), new Tiles(new TileGrid(1, 8), Turn.NONE, new Turn(8, true))),
        Arguments.of(
            new LinearShape(1, 8, 6), new Tiles(new TileGrid(8, 1), Turn.WHOLE, Turn.NONE)));
  }

  @ParameterizedTest
  @MethodSource("banks")
  void multipliesByTheMatrixOfItsForm(LinearShape shape, WeightEncoding encoding) {
    EncodedLinear encoded =
        new RandomWeights(7).linear(new OperatorId(0, Role.QUERY), shape, encoding);
    double[] x = new Random(8).doubles(shape.inputs(), -1, 1).toArray();
    for (boolean keep : new boolean[] {true, false}) {
      Linear linear = new Linear(encoded, keep);
      for (int expert = 0; expert < shape.experts(); expert++) {
        double[] expected = new double[shape.outputs()];
        double[][] matrix = matrix(encoded, expert);
        for (int row = 0; row < expected.length; row++) {
          for (int column = 0; column < x.length; column++) {
            expected[row] += matrix[row][column] * x[column];
          }
        }
        assertArrayEquals(expected, linear.multiply(expert, x), 1e-12);
        assertArrayEquals(expected, linear.multiply(expert, x), 1e-12, "a second time");
      }
      double[][] first = matrix(encoded, 0);
      for (int row = 0; row < shape.outputs(); row++) {
        assertArrayEquals(first[row], linear.row(row), 1e-12, "row " + row);
      }
    }
  }

  /** W of one expert, column by column: what the form does to unit vectors. */
  private static double[][] matrix(EncodedLinear encoded, int expert) {
    LinearShape shape = encoded.shape();
    double[][] matrix = new double[shape.outputs()][shape.inputs()];
    for (int column = 0; column < shape.inputs(); column++) {
      double[] unit = new double[shape.inputs()];
      unit[column] = 1;
      double[] y = apply(encoded, expert, unit);
      for (int row = 0; row < y.length; row++) {
        matrix[row][column] = y[row];
      }
    }
    return matrix;
  }

  private static double[] apply(EncodedLinear encoded, int expert, double[] x) {
    LinearShape shape = encoded.shape();
    return switch (encoded.form()) {
      case LinearForm.Dense dense -> {
        double[] y = new double[shape.outputs()];
        for (int i = 0; i < y.length * x.length; i++) {
          float weight = Elements.read(dense.matrices().get(expert), dense.element(), i);
          y[i / x.length] += weight * x[i % x.length];
        }
        yield y;
      }
      case LinearForm.Tiled tiled -> {
        double[] z = x.clone();
        if (tiled.input() instanceof Rotation.SignedHadamard hadamard) {
          z = HadamardTest.byDefinition(signed(hadamard, expert, z), hadamard.block());
        }
        double[] y = tilesTimes(tiled, shape, expert, z);
        if (tiled.output() instanceof Rotation.SignedHadamard hadamard) {
          y = signed(hadamard, expert, HadamardTest.byDefinition(y, hadamard.block()));
        }
        yield y;
      }
    };
  }

  private static double[] tilesTimes(
      LinearForm.Tiled tiled, LinearShape shape, int expert, double[] x) {
    TileGrid grid = tiled.grid();
    double[] y = new double[shape.outputs()];
    float[] tile = new float[grid.size()];
    for (int row = 0; row < y.length; row++) {
      for (int column = 0; column < x.length; column++) {
        tiled.core().decode(expert, row / grid.rows(), column / grid.columns(), 1, tile, 0);
        int within = row % grid.rows() * grid.columns() + column % grid.columns();
        y[row] += tile[within] * x[column];
      }
    }
    return y;
  }

  private static double[] signed(Rotation.SignedHadamard hadamard, int expert, double[] x) {
    double[] y = x.clone();
    for (int i = 0; i < y.length; i++) {
      long index = (long) expert * y.length + i;
      y[i] *= Elements.read(hadamard.signs(), ElementType.F32, index);
    }
    return y;
  }
}
