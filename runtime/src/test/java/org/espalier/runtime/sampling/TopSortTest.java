package org.espalier.runtime.sampling;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class TopSortTest {
  @Test
  void bringsTheLargestToTheFrontInOrder() {
    for (int round = 0; round < 500; round++) {
      Random random = new Random(round);
      int size = random.nextInt(60);
      int count = random.nextInt(size + 1);
      long[] keys = random.longs(size, -20, 20).toArray();
      long[] sorted = keys.clone();
      Arrays.sort(sorted);
      TopSort.descending(keys, size, count);
      for (int i = 0; i < count; i++) {
        assertEquals(sorted[size - 1 - i], keys[i]);
      }
      Arrays.sort(keys);
      assertArrayEquals(sorted, keys, "no key is lost");
    }
  }

  @Test
  void floatsKeepTheirOrderAsKeys() {
    float[] ascending = {
      Float.NEGATIVE_INFINITY,
      -Float.MAX_VALUE,
      -1,
      -Float.MIN_VALUE,
      0,
      Float.MIN_VALUE,
      1,
      2,
      Float.MAX_VALUE,
      Float.POSITIVE_INFINITY
    };
    for (int i = 0; i < ascending.length; i++) {
      assertEquals(ascending[i], TotalOrder.value(TotalOrder.key(ascending[i])));
      assertTrue(i == 0 || TotalOrder.key(ascending[i - 1]) < TotalOrder.key(ascending[i]));
    }
    assertEquals(TotalOrder.key(0f), TotalOrder.key(-0f));
  }
}
