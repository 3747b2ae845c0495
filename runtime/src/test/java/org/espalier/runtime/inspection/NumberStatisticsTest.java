package org.espalier.runtime.inspection;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class NumberStatisticsTest {
  private final NumberStatistics statistics = new NumberStatistics();

  private void accept(float... values) {
    statistics.accept(values, values.length);
  }

  @Test
  void soundNumbersAreMeasured() {
    accept(3, -4, 0, 0);
    assertEquals(4, statistics.values());
    assertEquals(-4, statistics.smallest());
    assertEquals(3, statistics.largest());
    assertEquals(2.5, statistics.rootMeanSquare());
    assertTrue(statistics.hasZeros());
    assertEquals(List.of(), statistics.problems());
    assertEquals(List.of(), statistics.remarks());
  }

  @Test
  void whatIsNoNumberIsToldWithItsFirstPlace() {
    accept(1, 2, Float.POSITIVE_INFINITY, Float.NaN, Float.NaN, 5);
    assertEquals(
        List.of("2 values are not numbers and 1 are infinite, the first at index 2"),
        statistics.problems());
    assertEquals(1, statistics.smallest());
    assertEquals(5, statistics.largest());
    assertEquals(Math.sqrt(10), statistics.rootMeanSquare());
  }

  @Test
  void nothingButZerosOrNothingButNansIsAProblem() {
    accept(0, -0.0f, 0);
    assertEquals(List.of("all 3 values are zero"), statistics.problems());
    NumberStatistics nans = new NumberStatistics();
    nans.accept(Float.NaN);
    assertEquals(1, nans.problems().size());
    assertEquals(0, nans.smallest());
    assertEquals(0, nans.rootMeanSquare());
  }

  @Test
  void valuesBeyondAHalfAreAProblem() {
    accept(65504, -65504);
    assertEquals(List.of(), statistics.problems());
    accept(-70000);
    assertEquals(1, statistics.problems().size());
    assertTrue(statistics.problems().getFirst().contains("trained"));
  }

  @Test
  void longRunsOfZerosAreRemarked() {
    accept(1);
    accept(new float[4095]);
    assertEquals(List.of(), statistics.remarks());
    accept(1);
    accept(new float[4096]);
    accept(1);
    assertEquals(1, statistics.remarks().size());
    assertTrue(statistics.remarks().getFirst().startsWith("4,096 zeros"));
    assertEquals(List.of(), statistics.problems());
  }
}
