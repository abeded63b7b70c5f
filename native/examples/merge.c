// Predicts a picture from two halves of the samples, as two machines would, merges the halves and checks
// that they have every bit of a single prediction.
//
//     merge MODEL
//
// native/c/README.md says how to compile this file.

#include "bayes8.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 7
#define SAMPLES 16
#define HALF (SAMPLES / 2)

// Returns whether a call succeeded, and prints why it did not.
static bool succeeded(bayes8_status status) {
  if (status != BAYES8_STATUS_OK) {
    fprintf(stderr, "bayes8 error %d: %s\n", (int)status, bayes8_last_error_message());
  }
  return status == BAYES8_STATUS_OK;
}

// A range of samples and memory for their results.
typedef struct {
  uint32_t first_sample;
  uint32_t samples;
  float *logits;  // [samples][classes]
  int64_t *sums;  // [sum_words]
} part;

static int show_progress(void *data, uint64_t done, uint64_t total) {
  const part *range = data;
  fprintf(stderr, "\rsamples from %" PRIu32 ": %" PRIu64 " of %" PRIu64 "%s", range->first_sample,
          done, total, done == total ? "\n" : "");
  return 0;  // Any other value would cancel the prediction.
}

static bool predict(const bayes8_model *model, const bayes8_model_info *info,
                    const uint8_t *picture, part *range) {
  bayes8_predict_options options = BAYES8_PREDICT_OPTIONS_INIT;
  options.seed = SEED;
  options.first_sample = range->first_sample;
  options.samples = range->samples;
  options.progress = show_progress;
  options.progress_data = range;
  bayes8_outputs outputs = {
      .size = sizeof outputs,
      .logits = {range->logits, range->samples * info->classes},
      .sums = {range->sums, info->sum_words},
  };
  size_t length = info->depth * info->height * info->width * info->channels;
  return succeeded(bayes8_predict(model, picture, length, 1, &options, &outputs));
}

// Computes and prints the figures of `sums` and the digest of `logits` of all samples.
// `figures` is [2][classes] and then the three uncertainties.
static bool finish(const bayes8_model *model, const bayes8_model_info *info, const char *title,
                   const int64_t *sums, const float *logits, double *figures, char *digest) {
  double *uncertainty = figures + 2 * info->classes;
  bayes8_outputs outputs = {
      .size = sizeof outputs,
      .probabilities = {figures, info->classes},
      .std = {figures + info->classes, info->classes},
      .predictive_entropy = {&uncertainty[0], 1},
      .expected_entropy = {&uncertainty[1], 1},
      .mutual_information = {&uncertainty[2], 1},
  };
  if (!succeeded(bayes8_sums_finish(model, sums, info->sum_words, 1, &outputs)) ||
      !succeeded(bayes8_logits_digest(logits, SAMPLES * info->classes, digest,
                                      BAYES8_LOGITS_DIGEST_SIZE))) {
    return false;
  }
  printf("%s: total %.6f nats = aleatoric %.6f + epistemic %.6f, logits %.16s...\n", title,
         uncertainty[0], uncertainty[1], uncertainty[2], digest);
  return true;
}

// Predicts halves and whole. `logits` is [2][SAMPLES][classes], `sums` is [3][sum_words], and `figures`
// has room for the figures of two pictures.
static bool compare(const bayes8_model *model, const bayes8_model_info *info,
                    const uint8_t *picture, float *logits, int64_t *sums, double *figures) {
  size_t words = info->sum_words;
  float *whole_logits = logits + SAMPLES * info->classes;
  part first = {0, HALF, logits, sums};
  part second = {HALF, SAMPLES - HALF, logits + HALF * info->classes, sums + words};
  part whole = {0, SAMPLES, whole_logits, sums + 2 * words};
  if (!predict(model, info, picture, &first) || !predict(model, info, picture, &second) ||
      !predict(model, info, picture, &whole)) {
    return false;
  }

  // In any order: here the first half is added to the second.
  if (!succeeded(bayes8_sums_merge(model, second.sums, first.sums, words, 1))) {
    return false;
  }

  size_t count = 2 * info->classes + 3;
  char merged_digest[BAYES8_LOGITS_DIGEST_SIZE], whole_digest[BAYES8_LOGITS_DIGEST_SIZE];
  if (!finish(model, info, "merged", second.sums, logits, figures, merged_digest) ||
      !finish(model, info, "whole", whole.sums, whole_logits, figures + count, whole_digest)) {
    return false;
  }
  if (memcmp(second.sums, whole.sums, words * sizeof *sums) != 0 ||
      memcmp(figures, figures + count, count * sizeof *figures) != 0 ||
      strcmp(merged_digest, whole_digest) != 0) {
    fputs("the halves differ from the whole\n", stderr);
    return false;
  }
  puts("every bit is equal");
  return true;
}

static bool run(const bayes8_model *model) {
  bayes8_model_info info = BAYES8_MODEL_INFO_INIT;
  if (!succeeded(bayes8_model_get_info(model, &info))) {
    return false;
  }
  // Machines that share the work compare the digests of their models first.
  printf("%s, %s, bayes8 %s\n", info.name, info.digest, bayes8_version());

  size_t length = info.depth * info.height * info.width * info.channels;
  uint8_t *picture = malloc(length);
  float *logits = calloc(2 * SAMPLES * info.classes, sizeof *logits);
  int64_t *sums = calloc(3 * info.sum_words, sizeof *sums);
  double *figures = calloc(2 * (2 * info.classes + 3), sizeof *figures);
  bool done = false;
  if (picture == NULL || logits == NULL || sums == NULL || figures == NULL) {
    fputs("out of memory\n", stderr);
  } else {
    for (size_t i = 0; i < length; i++) {
      picture[i] = (uint8_t)(i * 7 % 251);
    }
    done = compare(model, &info, picture, logits, sums, figures);
  }
  free(figures);
  free(sums);
  free(logits);
  free(picture);
  return done;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s MODEL\n", argv[0]);
    return EXIT_FAILURE;
  }
  bayes8_model *model = NULL;
  if (!succeeded(bayes8_model_load(argv[1], NULL, &model))) {
    return EXIT_FAILURE;
  }
  bool done = run(model);
  bayes8_model_free(model);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
