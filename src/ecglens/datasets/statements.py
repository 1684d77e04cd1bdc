"""The statements that the simulator may make, as rows of PTB-XL's ``scp_statements.csv``.

Texts and codes are PTB-XL's own, but for 2AVB1, 2AVB2 and VTACH: PTB-XL says 2AVB of both types,
and nothing of ventricular tachycardia.
"""

STATEMENT_COLUMNS = [
    "", "description", "diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass",
    "Statement Category", "SCP-ECG Statement Description", "AHA code", "aECG REFID", "CDISC Code",
    "DICOM Code",
]  # fmt: skip

_BLOCK = "Intraventricular and intra-atrial Conduction disturbances"
_IMPULSE = "Statements related to impulse formation (abnormalities)"
_NODE = "Sinus node dysfunction, atrial and AV-conduction defects"
_MI = "Myocardial Infarction"
_HYP = "Ventricular Hypertrophy"
_ROOT = "Basic roots for coding ST-T changes and abnormalities"
_ISCHEMIC = "ischemic ST-T changes"
_ST_T = "other ST-T descriptive statements"
_ECTOPIC = "Statements related to ectopic rhythm abnormalities"
_PACER = "Pacemaker types and pacemaker function"
_NORMAL = "Normal/abnormal"

# Columns as above, but for the three of kind, which are one word here: d, form, rhythm or both of
# the first two. Where SCP's own description is the same, it is "=".
_TABLE = [
    ("NORM", "normal ECG", "d", "NORM", "NORM", _NORMAL, "=", "1", "", "", "F-000B7"),
    ("IRBBB", "incomplete right bundle branch block", "d", "CD", "IRBBB", _BLOCK, "=", "105",
     "MDC_ECG_BEAT_RBB_BLK_INCOMP", "C71048", "D3-33112"),
    ("CRBBB", "complete right bundle branch block", "d", "CD", "CRBBB", _BLOCK,
     "(complete) right bundle branch block", "106", "MDC_ECG_BEAT_RBB_BLK_COMP", "C62270",
     "D3-33110"),
    ("CLBBB", "complete left bundle branch block", "d", "CD", "CLBBB", _BLOCK,
     "(complete) left bundle branch block", "104", "MDC_ECG_BEAT_LBB_BLK_COMP", "C62269",
     "D3-33120 or 122752"),
    ("LAFB", "left anterior fascicular block", "d", "CD", "LAFB/LPFB", _BLOCK, "=", "101",
     "MDC_ECG_BEAT_BLK_ANT_L_HEMI", "C62267", "D3-33140"),
    ("LPFB", "left posterior fascicular block", "d", "CD", "LAFB/LPFB", _BLOCK, "=", "102",
     "MDC_ECG_BEAT_BLK_POS_L_HEMI", "C62268", "D3-33150"),
    ("WPW", "Wolf-Parkinson-White syndrome", "d", "CD", "WPW", _BLOCK,
     "Wolff-Parkinson-White syndrome", "", "MDC_ECG_RHY_WPW_UNK", "C35132", ""),
    ("1AVB", "first degree AV block", "d", "CD", "_AVB", _NODE, "=", "",
     "MDC_ECG_RHY_AV_HEART_BLK_DEG_1", "C111088", ""),
    ("2AVB", "second degree AV block", "d", "CD", "_AVB", _NODE, "=", "",
     "MDC_ECG_RHY_AV_HEART_BLK_DEG_2", "C62016", "R-F81AE"),
    ("2AVB1", "second degree AV block, Mobitz I (Wenckebach)", "d", "CD", "_AVB", _NODE, "=", "",
     "", "", ""),
    ("2AVB2", "second degree AV block, Mobitz II", "d", "CD", "_AVB", _NODE, "=", "", "", "", ""),
    ("3AVB", "third degree AV block", "d", "CD", "_AVB", _NODE, "=", "88",
     "MDC_ECG_RHY_AV_HEART_BLK_DEG_3", "C111091", "D3-32102"),
    ("IMI", "inferior myocardial infarction", "d", "MI", "IMI", _MI, "=", "161", "", "", ""),
    ("ILMI", "inferolateral myocardial infarction", "d", "MI", "IMI", _MI, "=", "", "", "", ""),
    ("LMI", "lateral myocardial infarction", "d", "MI", "LMI", _MI, "=", "163", "", "", ""),
    ("ALMI", "anterolateral myocardial infarction", "d", "MI", "AMI", _MI, "=", "", "", "", ""),
    ("AMI", "anterior myocardial infarction", "d", "MI", "AMI", _MI, "=", "160", "", "", ""),
    ("ASMI", "anteroseptal myocardial infarction", "d", "MI", "AMI", _MI, "=", "165", "", "", ""),
    ("LVH", "left ventricular hypertrophy", "d", "HYP", "LVH", _HYP, "=", "142", "", "C71076", ""),
    ("RVH", "right ventricular hypertrophy", "d", "HYP", "RVH", _HYP, "=", "143", "", "C71077", ""),
    ("ISC_", "non-specific ischemic", "d", "STTC", "ISC_", _ROOT, "ischemic ST-T changes", "226",
     "", "", ""),
    ("ISCAL", "ischemic in anterolateral leads", "d", "STTC", "ISCA", _ISCHEMIC,
     "in anterolateral leads", "", "", "", ""),
    ("ISCIN", "ischemic in inferior leads", "d", "STTC", "ISCI", _ISCHEMIC, "in inferior leads", "",
     "", "", ""),
    ("ISCAS", "ischemic in anteroseptal leads", "d", "STTC", "ISCA", _ISCHEMIC,
     "in anteroseptal leads", "", "", "", ""),
    ("NDT", "non-diagnostic T abnormalities", "d form", "STTC", "STTC", _ST_T, "=", "", "", "", ""),
    ("LNGQT", "long QT-interval", "d form", "STTC", "STTC", _ST_T, "=", "148", "", "", ""),
    ("STD_", "non-specific ST depression", "form", "", "", _ROOT, "=", "502", "", "", "F-38278"),
    ("STE_", "non-specific ST elevation", "form", "", "", _ROOT, "=", "501",
     "MDC_ECG_RHY_STELVATION", "", "F-38277"),
    ("PVC", "ventricular premature complex", "form", "", "", _ECTOPIC,
     "ventricular premature complex (beat)", "60", "MDC_ECG_BEAT_V_P_C", "", ""),
    ("PAC", "atrial premature complex", "form", "", "", _ECTOPIC, "atrial premature complex (beat)",
     "30", "MDC_ECG_BEAT_ATR_P_C", "", ""),
    ("SR", "sinus rhythm", "rhythm", "", "", _IMPULSE, "=", "20", "MDC_ECG_RHY_SINUS_RHY", "", ""),
    ("AFIB", "atrial fibrillation", "rhythm", "", "", _IMPULSE, "=", "50", "MDC_ECG_RHY_ATR_FIB",
     "", "D3-31520"),
    ("AFLT", "atrial flutter", "rhythm", "", "", _IMPULSE, "=", "51", "MDC_ECG_RHY_ATR_FLUT", "",
     ""),
    ("STACH", "sinus tachycardia", "rhythm", "", "", _IMPULSE, "=", "21", "MDC_ECG_RHY_SINUS_TACHY",
     "", ""),
    ("SBRAD", "sinus bradycardia", "rhythm", "", "", _IMPULSE, "=", "22", "MDC_ECG_RHY_SINUS_BRADY",
     "", ""),
    ("SVTAC", "supraventricular tachycardia", "rhythm", "", "", _IMPULSE, "=", "55",
     "MDC_ECG_RHY_SV_TACHY", "", "D3-31290"),
    ("PSVT", "paroxysmal supraventricular tachycardia", "rhythm", "", "", _IMPULSE, "=", "",
     "MDC_ECG_RHY_SV_TACHY_PAROX", "", ""),
    ("VTACH", "ventricular tachycardia", "rhythm", "", "", _ECTOPIC, "=", "", "", "", ""),
    ("PACE", "normal functioning artificial pacemaker", "rhythm", "", "", _PACER, "=", "", "", "",
     ""),
]  # fmt: skip


def _row(code: str, description: str, kind: str, *rest: str) -> list[str]:
    kinds = ["1.0" if word in kind.split() else "" for word in ("d", "form", "rhythm")]
    class_, subclass, category, scp, *codes = rest
    words = description if scp == "=" else scp
    return [code, description, *kinds, class_, subclass, category, words, *codes]


STATEMENTS_OF = {row[0]: _row(*row) for row in _TABLE}
