package org.espalier.runtime.quantisation.pipeline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.espalier.api.EspalierException.InvalidRequest;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ShardTest {

  /** Every matrix is in one share, in order, and no share is far from its part. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 20, 64})
  void sharesFollowEachOther(int count) {
    long[] weights = new long[208];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = i % 13 < 4 ? 4 << 20 : 2 << 20;
    }
    long total = Arrays.stream(weights).sum();
    List<Integer> all = new ArrayList<>();
    for (int index = 1; index <= count; index++) {
      List<Integer> share = new Shard(index, count).share(weights);
      all.addAll(share);
      long sum = share.stream().mapToLong(i -> weights[i]).sum();
      assertEquals((double) total / count, sum, 4 << 20);
    }
    assertEquals(weights.length, all.size());
    for (int i = 0; i < all.size(); i++) {
      assertEquals(i, all.get(i));
    }
  }

  @ParameterizedTest
  @CsvSource({"0, 1", "2, 1", "1, 0", "-1, 3"})
  void whatIsNoShardIsRefused(int index, int count) {
    InvalidRequest refused = assertThrows(InvalidRequest.class, () -> new Shard(index, count));
    assertTrue(refused.getMessage().contains("shard"));
  }
}
