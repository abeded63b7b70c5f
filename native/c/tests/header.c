// The header's macros, in C11 and C++11: they compile without warnings, and name the library's version.

#include "bayes8.h"

#include <stdio.h>
#include <string.h>

#if BAYES8_VERSION_NUMBER < 1000 || !defined(BAYES8_VERSION_STRING)
#error "the header has no version"
#endif

static const bayes8_model_options model_options = BAYES8_MODEL_OPTIONS_INIT;
static const bayes8_model_info info = BAYES8_MODEL_INFO_INIT;
static const bayes8_dropout dropout = BAYES8_DROPOUT_INIT;
static const bayes8_output output = BAYES8_OUTPUT_INIT;
static const bayes8_target target = BAYES8_TARGET_INIT;
static const bayes8_predict_options predict_options = BAYES8_PREDICT_OPTIONS_INIT;
static const bayes8_outputs outputs = BAYES8_OUTPUTS_INIT;

static int failures = 0;

static void check(int holds, const char *what) {
  if (!holds) {
    fprintf(stderr, "not so: %s\n", what);
    failures++;
  }
}

#define CHECK(condition) check(condition, #condition)

int main(void) {
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", BAYES8_VERSION_MAJOR, BAYES8_VERSION_MINOR,
           BAYES8_VERSION_PATCH);
  // A version such as 1.0.0-rc.1 goes on.
  CHECK(strncmp(version, BAYES8_VERSION_STRING, strlen(version)) == 0);
  CHECK(strcmp(BAYES8_VERSION_STRING, bayes8_version()) == 0);
  CHECK(BAYES8_VERSION_NUMBER == bayes8_version_number());

  CHECK(model_options.size == sizeof model_options && model_options.isa == NULL);
  CHECK(info.size == sizeof info && info.sum_words == 0 && info.dropout == 0);
  CHECK(dropout.size == sizeof dropout && dropout.kind == NULL && dropout.probability == 0);
  CHECK(info.outputs == 0 && info.values == NULL && info.chosen_draws == 0);
  CHECK(output.size == sizeof output && output.head == NULL && output.outcomes[1] == NULL);
  CHECK(target.size == sizeof target && target.unit == NULL && target.noise == 0);
  CHECK(predict_options.size == sizeof predict_options && predict_options.samples == 0);
  CHECK(predict_options.progress == NULL && predict_options.progress_data == NULL);
  CHECK(predict_options.draws == BAYES8_DRAWS_AUTO);
  CHECK(outputs.size == sizeof outputs && outputs.sums.data == NULL);
  CHECK(outputs.epistemic_std.data == NULL && outputs.output == 0 && outputs.next == NULL);
  CHECK(output.conformal_method == NULL && outputs.set.data == NULL && outputs.interval.capacity == 0);
  CHECK(outputs.probabilities_error.data == NULL && outputs.mean_error.data == NULL);
  return failures == 0 ? 0 : 1;
}
